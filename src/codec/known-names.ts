/**
 * Names of properties that were read before, found by their bytes instead of being made anew: short ones in ASCII, which
 * most are. They are read where they stand, behind one byte with their length. As long as names follow each other as they
 * did before, which they do where values are of one kind, none is looked for.
 */
import { Buffer } from 'node:buffer';

const LENGTH_MARK = 0xa0;
const MAX_LENGTH = 0x1f;
const SPELLING_BYTES = 1 + MAX_LENGTH;
const SLOTS = 4096;

/** Each at a hash of its bytes; a later one with the same hash replaces it. */
const names: (string | undefined)[] = Array.from({ length: SLOTS });
/** How each is written: bytes are compared in a fraction of the time that the characters of a string take. */
const spellings = new Uint8Array(SLOTS * SPELLING_BYTES);
/** Where the one is that came after each the last time. */
const followers = new Uint16Array(SLOTS);
/** Where the name is that was found last. */
let latest = 0;

/** The name that is written at `start`, or undefined if it is not known. It takes one byte more than its length. */
export function knownName(bytes: Uint8Array, start: number): string | undefined {
  const length = (bytes[start] as number) - LENGTH_MARK;
  if (!(length > 0 && length <= MAX_LENGTH && start + length < bytes.length)) return undefined;
  let slot = followers[latest] as number;
  if (!isWrittenAt(slot, bytes, start)) {
    slot = slotOf(bytes, start);
    if (!isWrittenAt(slot, bytes, start)) return undefined;
    followers[latest] = slot;
  }
  latest = slot;
  return names[slot];
}

/** @param start where a name is written that is neither empty nor longer than 31 characters, all of them ASCII */
export function learnName(bytes: Uint8Array, start: number): void {
  const length = (bytes[start] as number) - LENGTH_MARK;
  const spelling = bytes.subarray(start, start + 1 + length);
  const slot = slotOf(bytes, start);
  spellings.set(spelling, slot * SPELLING_BYTES);
  // made of the bytes: what is cut from the text of its message would keep all of that alive
  names[slot] = Buffer.from(spelling).toString('latin1', 1);
}

/** Whether the name of a slot is the one that is written at `start`, of which all is there. */
function isWrittenAt(slot: number, bytes: Uint8Array, start: number): boolean {
  const spelling = slot * SPELLING_BYTES;
  const mark = bytes[start] as number;
  if (mark !== spellings[spelling]) return false;
  for (let index = mark - LENGTH_MARK; index > 0; index -= 1) {
    if (bytes[start + index] !== spellings[spelling + index]) return false;
  }
  return true;
}

function slotOf(bytes: Uint8Array, start: number): number {
  const end = start + (bytes[start] as number) - LENGTH_MARK;
  let hash = 0;
  for (let at = start; at <= end; at += 1) hash = Math.imul(hash, 31) + (bytes[at] as number);
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}
