import { Buffer } from 'node:buffer';

import { readU48 } from '../../core/bytes.js';
import type { Random } from '../../core/random.js';

/*
 * An epoch: the time of a namespace or a tag between two invalidations. It has a random name, kept in Redis under a key
 * of its own; entries carry the names of the epochs in which they were written, and are worth nothing in any other.
 * No clock decides, no list of keys is kept, and an epoch that was lost (evicted, expired) never comes back.
 *
 *   0-7    the soft half: changed by every invalidation
 *   8-15   the hard half: changed by those that leave nothing to be served
 *   16-21  when it was last changed, by the server's clock (ms); 0 = not since it was made
 */
const HALF_BYTES = 8;
const CHANGED_AT = 16;
const EPOCH_BYTES = 22;

/** What an entry carries of its namespace's epoch: it can only be cleared, so a part of the hard half does. */
export const NAMESPACE_PART = { from: HALF_BYTES, bytes: 5 } as const;
/** What an entry carries of the epoch of a tag: both halves. */
export const TAG_EPOCH_BYTES = 2 * HALF_BYTES;

/** An epoch that nobody knows yet, for a key that has none. */
export function newEpoch(random: Random): Buffer {
  return Buffer.concat([random.bytes(TAG_EPOCH_BYTES), NEVER_CHANGED]);
}

export function isEpoch(bytes: unknown): bytes is Buffer {
  return Buffer.isBuffer(bytes) && bytes.length === EPOCH_BYTES;
}

export function namespacePart(epoch: Buffer): Buffer {
  return epoch.subarray(NAMESPACE_PART.from, NAMESPACE_PART.from + NAMESPACE_PART.bytes);
}

export function tagPart(epoch: Buffer): Buffer {
  return epoch.subarray(0, TAG_EPOCH_BYTES);
}

export function isSameNamespaceEpoch(one: Buffer, other: Buffer): boolean {
  return namespacePart(one).equals(namespacePart(other));
}

/** How the epoch of a tag in which an entry was written relates to the present one. */
export function compareTagEpochs(written: Buffer, present: Buffer | null): 'same' | 'stale' | 'over' {
  if (present === null || !isSamePart(written, present, HALF_BYTES)) return 'over';
  return isSamePart(written, present, 0) ? 'same' : 'stale';
}

function isSamePart(one: Buffer, other: Buffer, from: number): boolean {
  return one.compare(other, from, from + HALF_BYTES, from, from + HALF_BYTES) === 0;
}

export function changedAtOf(epoch: Buffer): number {
  return readU48(epoch, CHANGED_AT);
}

const NEVER_CHANGED = Buffer.alloc(EPOCH_BYTES - CHANGED_AT);
