import type { Epoch, Stamp } from './epoch.js';
import type { Epochs } from './epochs.js';
import { changedAtOf, isSameNamespaceEpoch, tagPart } from './epoch-value.js';

/** Whose epochs they are. */
export interface Stamped {
  readonly epochs: Epochs;
  /** The key of the namespace's epoch. */
  readonly epochKey: string;
  /** The key of a tag's epoch. */
  tagKey(tag: string): string;
}

/** Who writes entries. */
export interface Stamping extends Stamped {
  /** Of the namespace. */
  readonly epoch: Epoch;
}

/** What an entry may be stamped with before the server was asked. */
export function guessStamp(by: Stamping, tags: readonly string[]): Stamp {
  if (tags.length === 0) return by.epoch.bareGuess;
  const ofTags = tags.map((name) => ({ name, epoch: tagPart(by.epochs.of(by.tagKey(name)).guess) }));
  return { ...by.epoch.bareGuess, tags: ofTags };
}

/**
 * The stamp that is right, by an answer to what is sent now; the epochs are kept for longer than an entry of this lifetime.
 * Cost: 1 round trip.
 */
export async function confirmStamp(by: Stamping, tags: readonly string[], lifeMs: number): Promise<Stamp> {
  const { answered } = by.epoch.confirm(lifeMs);
  const ofTags = tags.map(async (name) => {
    const epoch = await by.epochs.of(by.tagKey(name)).confirm(lifeMs).answered;
    return { name, epoch: tagPart(epoch), changedMs: changedAtOf(epoch) };
  });
  const [epoch, stamps] = await Promise.all([answered, Promise.all(ofTags)]);
  const changedMs = stamps.reduce((last, tag) => Math.max(last, tag.changedMs), changedAtOf(epoch));
  return { epoch, tags: stamps, changedMs };
}

/** Whether two stamps with the same tags say the same. */
export function isSameStamp(one: Stamp, other: Stamp): boolean {
  if (one.epoch === other.epoch && one.tags.length === 0) return true;
  return (
    isSameNamespaceEpoch(one.epoch, other.epoch) &&
    one.tags.every(({ epoch }, index) => other.tags[index]?.epoch.equals(epoch) === true)
  );
}
