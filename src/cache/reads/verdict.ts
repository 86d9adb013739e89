import type { EntryFormat } from '../entries/entry.js';
import { FLAG, hasFlag, hasGrace, isOfEpoch, type Standing } from '../entries/entry-header.js';
import { type Tag, tagsOf } from '../entries/tag-section.js';
import { compareTagEpochs } from '../epochs/epoch-value.js';
import type { Stamped } from '../epochs/stamp.js';

/** What an entry is worth. `cleared`: with its whole namespace. `invalidated`: by one of its tags. */
export type Verdict = Standing | 'other-version' | 'cleared' | 'invalidated';

/** By the epoch of its namespace; of its tags nothing is known yet. */
export function underEpoch(entry: Buffer, verdict: Verdict, epoch: Buffer | null): Verdict {
  return isAlive(verdict) && !isOfEpoch(entry, epoch) ? 'cleared' : verdict;
}

export function isAlive(verdict: Verdict): boolean {
  return verdict === 'fresh' || verdict === 'stale';
}

export function hasTags(entry: Buffer): boolean {
  return hasFlag(entry, FLAG.tags);
}

/** By the epochs of its tags: what was invalidated softly is stale, if it has a grace that is not over. */
export function underTags(entry: Buffer, verdict: Verdict, { tags, epochOf, nowMs }: TagEpochs): Verdict {
  let isStale = false;
  for (const { name, epoch } of tags) {
    const relation = compareTagEpochs(epoch, epochOf(name));
    if (relation === 'over') return 'invalidated';
    if (relation === 'stale') isStale = true;
  }
  if (!isStale) return verdict;
  return hasGrace(entry, nowMs) ? 'stale' : 'invalidated';
}

/** What the tags of an entry are, and in which epoch each of them is now. */
export interface TagEpochs {
  readonly tags: readonly Tag[];
  readonly epochOf: (name: string) => Buffer | null;
  /** Not behind the server's time. */
  readonly nowMs: number;
}

/** Who asks about an entry. */
export interface Asking extends Stamped {
  readonly format: EntryFormat;
}

/**
 * What bytes that were read by themselves are worth.
 * @throws DecodeError. Cost: 1 round trip for an entry with tags.
 */
export async function verdictOn(by: Asking, key: string, { bytes, epoch, nowMs }: Found): Promise<Verdict> {
  const standing = by.format.standing(key, bytes, nowMs);
  if (!by.format.isEntry(bytes)) return standing;
  const verdict = underEpoch(bytes, standing, epoch);
  if (!isAlive(verdict) || !hasTags(bytes)) return verdict;
  const tags = tagsOf(key, bytes);
  const present = new Map<string, Buffer | null>();
  await Promise.all(tags.map(async ({ name }) => present.set(name, await by.epochs.read(by.tagKey(name)))));
  return underTags(bytes, verdict, { tags, epochOf: (name) => present.get(name) ?? null, nowMs });
}

interface Found {
  readonly bytes: Buffer;
  /** Of the namespace, read not before the bytes. */
  readonly epoch: Buffer | null;
  /** Not behind the server's time. */
  readonly nowMs: number;
}
