import { FRAME_MAGIC } from '../../codec/envelope.js';
import { DecodeError } from '../../codec/index.js';
import { readU32, readU48 } from '../../core/bytes.js';

/*
 * The header of a cache entry: 47 bytes before the value's envelope. All numbers big endian, all times milliseconds by
 * the server's clock.
 *
 *   0      0xC1, never the first byte of a foreign MessagePack or JSON value
 *   1      0x02, cache entry, this layout
 *   2      flags, see FLAG; unknown ones mean a newer layout
 *   3-5    loadMs: how long the loader took, saturating; 0 = written by `set`
 *   6-9    value version: first 4 bytes of SHA-256 of the `version` option; 0 = none
 *   10-15  createdAt; 0 = unknown
 *   16-21  freshUntil; 0 = fresh for as long as Redis keeps the entry
 *   22-27  staleUntil: until then it may be served where stale values are; 0 = for as long as Redis keeps the entry.
 *          Redis may keep it longer, for the sake of the lease
 *   28-33  leaseUntil; 0 = no lease
 *   34-45  lease token; zeros = no lease
 *   46     number of tags in the tag section that follows; 0 = no section
 *
 * The header is not covered by the envelope's CRC or by its encryption, because a lease changes it in place. Whoever
 * can write to Redis can change freshness and version of an entry, but not its value, nor move it to another key.
 */
export const HEADER_BYTES = 47;
export const KIND = 0x02;
export const FLAG = {
  /** A lease and no value. */
  placeholder: 0x01,
  /** That there is no value is what is cached. */
  negative: 0x02,
  sliding: 0x04,
  tags: 0x08,
  /** Somebody wants to be woken when the lease ends. */
  awaited: 0x10,
} as const;
const KNOWN_FLAGS = FLAG.placeholder | FLAG.negative | FLAG.sliding | FLAG.tags | FLAG.awaited;

const LOAD_MS = 3;
const MAX_LOAD_MS = 0xff_ff_ff;
const VERSION = 6;
const CREATED_AT = 10;
const FRESH_UNTIL = 16;
const STALE_UNTIL = 22;
const LEASE_UNTIL = 28;
const LEASE_TOKEN = 34;
const TAG_COUNT = 46;

/**
 * What an entry is worth at a moment: `none` is an entry, but not of a value, with tags that this release cannot check,
 * or over.
 */
export type Standing = 'fresh' | 'stale' | 'none';

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

/** What the flags of an entry say of its body. */
export interface EntryFlags {
  readonly isPlaceholder: boolean;
  readonly isNegative: boolean;
  readonly hasTags: boolean;
}

export function flagsOf(entry: Buffer): EntryFlags {
  const flags = entry[2] as number;
  return {
    isPlaceholder: (flags & FLAG.placeholder) !== 0,
    isNegative: (flags & FLAG.negative) !== 0,
    hasTags: (flags & FLAG.tags) !== 0,
  };
}

export function isNegative(entry: Buffer): boolean {
  return ((entry[2] as number) & FLAG.negative) !== 0;
}

/** Until when an entry is fresh (0: not said), and how long its load took. */
export function endOf(entry: Buffer): { readonly freshUntilMs: number; readonly loadMs: number } {
  // the four bytes from the flags on, without the flags
  return { freshUntilMs: readU48(entry, FRESH_UNTIL), loadMs: readU32(entry, LOAD_MS - 1) & MAX_LOAD_MS };
}

export function timesOf(entry: Buffer): EntryTimes {
  return {
    loadMs: endOf(entry).loadMs,
    createdMs: readU48(entry, CREATED_AT),
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
  if (entry.length < HEADER_BYTES) {
    throw new DecodeError({ key, reason: 'truncated', detail: 'it is shorter than the header of a cache entry' });
  }
  if ((flags & ~KNOWN_FLAGS) !== 0) throw newer(key, 'the cache entry was written by a newer version');
  if ((flags & (FLAG.placeholder | FLAG.tags)) !== 0 || entry[TAG_COUNT] !== 0) return 'none';
  const freshUntilMs = readU48(entry, FRESH_UNTIL);
  const staleUntilMs = readU48(entry, STALE_UNTIL);
  if (staleUntilMs !== 0 && nowMs >= staleUntilMs) return 'none';
  return freshUntilMs === 0 || nowMs < freshUntilMs ? 'fresh' : 'stale';
}

export function versionOf(entry: Buffer): number {
  return readU32(entry, VERSION);
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
