import { type Tag, tagsOf } from '../entries/tag-section.js';
import { changedAtOf, tagPart } from '../epochs/epoch-value.js';
import type { Stamp } from '../epochs/epoch.js';
import type { Stamped } from '../epochs/stamp.js';
import type { WritePlan } from '../options.js';
import type { LoadRead } from '../reads/read.js';

/** When a load began: in which epochs, and at what time by the server's clock, or not after it. */
export interface Begun {
  readonly stamp: Stamp;
  readonly sinceMs: number | undefined;
}

/**
 * What a loaded entry is to be stamped with: the epochs in which its load began. Of tags that only the loader has named
 * these are not known; they must not have been changed since, by the server's clock. Undefined: one of them may have been.
 * Cost: 1 round trip for such tags, none for others.
 */
export async function stampLoaded(by: Stamped, plan: WritePlan, { stamp, sinceMs }: Begun): Promise<Stamp | undefined> {
  const { epoch, changedMs } = stamp;
  if (plan.tags.length === 0) return { epoch, tags: [], changedMs };
  const known = stamp.tags.filter(({ name }) => plan.tags.includes(name));
  const names = plan.tags.filter((name) => known.every((tag) => tag.name !== name));
  const late = await Promise.all(names.map((name) => lateTag(by, name, plan)));
  const isOvertaken = late.some((tag) => sinceMs === undefined || tag.changedMs >= sinceMs);
  if (isOvertaken) return undefined;
  const lastMs = late.reduce((last, tag) => Math.max(last, tag.changedMs), changedMs);
  return { epoch, tags: [...known, ...late], changedMs: lastMs };
}

async function lateTag(by: Stamped, name: string, plan: WritePlan): Promise<Tag & { readonly changedMs: number }> {
  const epoch = await by.epochs.of(by.tagKey(name)).confirm(plan.ttlMs + plan.graceMs).answered;
  return { name, epoch: tagPart(epoch), changedMs: changedAtOf(epoch) };
}

/** The epochs in which an entry is right once more whose loader, begun after it was read, says that nothing has changed. */
export function restampFor(by: Stamped, { key, bytes, epochOf }: LoadRead, began: Stamp): Stamp | undefined {
  if (bytes === undefined) return undefined;
  const { epoch, tags, changedMs } = began;
  const known = new Map(tags.map((tag) => [tag.name, tag.epoch]));
  const ofEntry: Tag[] = [];
  for (const { name } of tagsOf(key, bytes)) {
    const found = epochOf?.(by.tagKey(name));
    const present = known.get(name) ?? (found ? tagPart(found) : undefined);
    if (present === undefined) return undefined;
    ofEntry.push({ name, epoch: present });
  }
  return { epoch, tags: ofEntry, changedMs };
}
