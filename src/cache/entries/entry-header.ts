import { FRAME_MAGIC } from '../../codec/envelope.js';
import { DecodeError } from '../../codec/index.js';
import { readU32, readU48 } from '../../core/bytes.js';
import { NAMESPACE_PART } from '../epochs/epoch-value.js';

/*
 * The header of a cache entry: 48 bytes before the value's envelope. All numbers big endian, all times milliseconds by
 * the server's clock.
 *
 *   0      0xC1, never the first byte of a foreign MessagePack or JSON value
 *   1      0x02, cache entry, this layout
 *   2      flags, see FLAG; unknown ones mean a newer layout
 *   3-5    loadMs: how long the loader took, saturating; 0 = written by `set`
 *   6-9    value version: first 4 bytes of SHA-256 of the `version` option; 0 = none
 *   10-14  the namespace's epoch in which it was written: another one since then, and the entry is cleared
 *   15-20  createdAt; 0 = unknown. Under FLAG.quarantined: until when what is loaded is to be kept at most
 *   21-26  freshUntil; 0 = fresh for as long as Redis keeps the entry
 *   27-32  staleUntil: until then it may be served where stale values are; 0 = for as long as Redis keeps the entry.
 *          Redis may keep it longer, for the sake of the lease
 *   33-38  leaseUntil; 0 = no lease
 *   39-46  lease token; zeros = no lease
 *   47     number of tags in the tag section
 *
 * Then, if the flags say so, 6 bytes: by how much a read prolongs the lifetime (ms); and the tag section.
 *
 * The header is not covered by the envelope's CRC or by its encryption, because a lease changes it in place. Whoever
 * can write to Redis can change freshness, version and tags of an entry, but not its value, nor move it to another key.
 */
export const HEADER_BYTES = 48;
export const KIND = 0x02;
export const FLAG = {
  /** A lease and no value. */
  placeholder: 0x01,
  /** That there is no value is what is cached. */
  negative: 0x02,
  /** A read prolongs the lifetime. */
  sliding: 0x04,
  tags: 0x08,
  /** Somebody wants to be woken when the lease ends. */
  awaited: 0x10,
  /** It was invalidated a moment ago, and its source may still answer with what was before. */
  quarantined: 0x20,
} as const;
const KNOWN_FLAGS = FLAG.placeholder | FLAG.negative | FLAG.sliding | FLAG.tags | FLAG.awaited | FLAG.quarantined;

const LOAD_MS = 3;
const MAX_LOAD_MS = 0xff_ff_ff;
const VERSION = 6;
const EPOCH = 10;
const CREATED_AT = 15;
const FRESH_UNTIL = 21;
const STALE_UNTIL = 27;
const LEASE_UNTIL = 33;
const LEASE_TOKEN = 39;
const TAG_COUNT = 47;
const SLIDING_BYTES = 6;

export const TOKEN_BYTES = 8;
/** Where the times stand that tell one state of an entry from another. */
export const TIMES = { from: CREATED_AT, to: LEASE_UNTIL } as const;

/**
 * What the header of an entry says of it at a moment, without a look at epochs: `over` is past its grace, or kept for the
 * sake of a lease; `loading` is a lease and no value.
 */
export type Standing = 'fresh' | 'stale' | 'over' | 'loading';

/** What the header of an entry with a value says about it. */
export interface EntryTimes {
  readonly loadMs: number;
  readonly createdMs: number;
  /** 0: not said. */
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
}

/** A header without times and lease: those are written by scripts, which know the server's time. */
export function blankHeader(version: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = FRAME_MAGIC;
  header[1] = KIND;
  header.writeUInt32BE(version, VERSION);
  return header;
}

export function setLoadMs(header: Buffer, loadMs: number): void {
  header.writeUIntBE(Math.min(loadMs, MAX_LOAD_MS), LOAD_MS, 3);
}

export function setFlag(header: Buffer, flag: number): void {
  header[2] = (header[2] as number) | flag;
}

/** @param epoch of the namespace */
export function setEpoch(header: Buffer, epoch: Buffer): void {
  for (let index = 0; index < NAMESPACE_PART.bytes; index += 1) {
    header[EPOCH + index] = epoch[NAMESPACE_PART.from + index] as number;
  }
}

export function setTagCount(header: Buffer, count: number): void {
  header[TAG_COUNT] = count;
}

export function tagCountOf(entry: Buffer): number {
  return entry[TAG_COUNT] as number;
}

/** Whether an entry was written in this epoch of its namespace; where there is none, it was not. */
export function isOfEpoch(entry: Buffer, epoch: Buffer | null): boolean {
  if (epoch === null) return false;
  for (let index = 0; index < NAMESPACE_PART.bytes; index += 1) {
    if (entry[EPOCH + index] !== epoch[NAMESPACE_PART.from + index]) return false;
  }
  return true;
}

export function hasFlag(entry: Buffer, flag: number): boolean {
  return ((entry[2] as number) & flag) !== 0;
}

/** Of bytes that may also have no header. */
export function isSliding(bytes: Buffer): boolean {
  return bytes[0] === FRAME_MAGIC && hasFlag(bytes, FLAG.sliding);
}

/** Where the tag section begins, or the value's envelope where there is none. */
export function headEnd(entry: Buffer): number {
  return hasFlag(entry, FLAG.sliding) ? HEADER_BYTES + SLIDING_BYTES : HEADER_BYTES;
}

/** By how much a read prolongs the lifetime of an entry: 0 for not at all. */
export function slidingMsOf(entry: Buffer): number {
  return hasFlag(entry, FLAG.sliding) ? readU48(entry, HEADER_BYTES) : 0;
}

export function slidingPart(slidingMs: number): Buffer {
  const part = Buffer.alloc(SLIDING_BYTES);
  part.writeUIntBE(slidingMs, 0, SLIDING_BYTES);
  return part;
}

export function freshUntilOf(entry: Buffer): number {
  return readU48(entry, FRESH_UNTIL);
}

export function loadMsOf(entry: Buffer): number {
  // the four bytes from the flags on, without the flags
  return readU32(entry, LOAD_MS - 1) & MAX_LOAD_MS;
}

export function timesOf(entry: Buffer): EntryTimes {
  return {
    loadMs: loadMsOf(entry),
    createdMs: hasFlag(entry, FLAG.quarantined) ? 0 : readU48(entry, CREATED_AT),
    freshUntilMs: readU48(entry, FRESH_UNTIL),
    staleUntilMs: readU48(entry, STALE_UNTIL),
  };
}

/**
 * Judges an entry by its header, which begins with the magic byte.
 * @param nowMs not behind the server's time, so that nothing counts as fresh for too long
 * @throws DecodeError when this is no cache entry, a newer one, or cut short
 */
export function standingOf(key: string, entry: Buffer, nowMs: number): Standing {
  const flags = entry[2] as number;
  if (entry[1] !== KIND) throw newer(key, 'it is no cache entry, or one of a newer version');
  if (entry.length < HEADER_BYTES) throw cutShort(key, 'it is shorter than the header of a cache entry');
  const hasTags = (flags & FLAG.tags) !== 0;
  if ((flags & ~KNOWN_FLAGS) !== 0 || hasTags !== (entry[TAG_COUNT] !== 0)) {
    throw newer(key, 'the cache entry was written by a newer version');
  }
  if ((flags & FLAG.placeholder) !== 0) return 'loading';
  const freshUntilMs = readU48(entry, FRESH_UNTIL);
  if (nowMs < freshUntilMs) return 'fresh';
  const staleUntilMs = readU48(entry, STALE_UNTIL);
  if (staleUntilMs !== 0 && nowMs >= staleUntilMs) return 'over';
  return freshUntilMs === 0 ? 'fresh' : 'stale';
}

export function versionOf(entry: Buffer): number {
  return readU32(entry, VERSION);
}

/** Whether an entry that is no longer fresh, for whatever reason, may be served where stale values are. */
export function hasGrace(entry: Buffer, nowMs: number): boolean {
  const staleUntilMs = readU48(entry, STALE_UNTIL);
  return staleUntilMs > readU48(entry, FRESH_UNTIL) && nowMs < staleUntilMs;
}

/** Whether nobody may load the entry just now. @param nowMs not behind the server's time */
export function isLeased(entry: Buffer, nowMs: number): boolean {
  return entry.length >= HEADER_BYTES && readU48(entry, LEASE_UNTIL) > nowMs;
}

/** Whether the lease of an entry is the one with this token. */
export function holdsLease(entry: Buffer, token: Buffer): boolean {
  return entry.length >= HEADER_BYTES && token.compare(entry, LEASE_TOKEN, LEASE_TOKEN + token.length) === 0;
}

function newer(key: string, detail: string): DecodeError {
  return new DecodeError({ key, reason: 'version', detail });
}

/** Of an entry that ends before it should. */
export function cutShort(key: string, detail: string): DecodeError {
  return new DecodeError({ key, reason: 'truncated', detail });
}
