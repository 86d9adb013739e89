import { createHash } from 'node:crypto';

import { FRAME_MAGIC } from '../codec/envelope.js';
import { type Codec, type CodecContext, type CodecOptions, createCodec, DecodeError } from '../codec/index.js';
import { isZero, readU32 } from '../core/bytes.js';
import { wrong } from '../core/check.js';

/*
 * The cache entry: one Redis string, a header of 41 bytes followed by the value's envelope. All numbers big endian.
 *
 *   0      0xC1, never the first byte of a foreign MessagePack or JSON value
 *   1      0x02, cache entry, this layout
 *   2      flags, see FLAG; unknown ones mean a newer layout
 *   3-5    loadMs: how long the loader took, saturating; 0 = written by `set`
 *   6-9    value version: first 4 bytes of SHA-256 of the `version` option; 0 = none
 *   10-15  createdAt, server time in ms; 0 = unknown
 *   16-21  freshUntil, server time in ms; 0 = fresh for as long as Redis keeps the entry
 *   22-27  leaseUntil, server time in ms; 0 = no lease
 *   28-39  lease token; zeros = no lease
 *   40     number of tags in the tag section that follows; 0 = no section
 *
 * This release writes kind, loadMs and value version, and leaves the rest zero. What it reads but cannot judge (a
 * lease without a value, a "not found", a tag section, a freshUntil) is a miss: at worst a load too many, never a
 * value that is no longer valid.
 *
 * The header is not covered by the envelope's CRC or by its encryption, because a lease changes it in place. Whoever
 * can write to Redis can change freshness and version of an entry, but not its value, nor move it to another key.
 */
export const HEADER_BYTES = 41;

const KIND = 0x02;
const FLAG = { placeholder: 0x01, negative: 0x02, sliding: 0x04, tags: 0x08 } as const;
const KNOWN_FLAGS = FLAG.placeholder | FLAG.negative | FLAG.sliding | FLAG.tags;
/** No value that this release could vouch for. */
const MISS_FLAGS = FLAG.placeholder | FLAG.negative | FLAG.tags;

const LOAD_MS = 3;
const MAX_LOAD_MS = 0xff_ff_ff;
const VERSION = 6;
const FRESH_UNTIL = 16;

/** What `increment` leaves: a decimal integer in its one canonical form. */
const COUNTER = /^(?:0|-?[1-9]\d{0,15})$/;
const MAX_COUNTER_BYTES = 17;

/** Turns values of one cache into entries and back: its codec and its `version`. */
export class EntryFormat {
  readonly #codec: Codec;
  readonly #version: number;
  readonly #readsForeign: boolean;
  readonly #blank: Buffer;

  /** @throws ConfigError */
  constructor(options: CodecOptions | undefined, version: string | undefined) {
    if (options?.envelope === false) {
      const why = 'true, because entries are told apart by it from counters and foreign values';
      throw wrong('cache.codec.envelope', why, false);
    }
    this.#codec = createCodec(options);
    this.#version = versionId(version);
    this.#readsForeign = options?.foreign !== undefined;
    this.#blank = Buffer.alloc(HEADER_BYTES);
    this.#blank.writeUInt8(FRAME_MAGIC, 0);
    this.#blank.writeUInt8(KIND, 1);
    this.#blank.writeUInt32BE(this.#version, VERSION);
  }

  /** @throws SerializationError for a value that the codec cannot bring back as it was */
  encode(key: string, value: unknown, loadMs = 0): Buffer {
    const body = this.#codec.encode(value, contextOf(key));
    const entry = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    entry.set(this.#blank, 0);
    entry.set(body, HEADER_BYTES);
    if (loadMs > 0) entry.writeUIntBE(Math.min(loadMs, MAX_LOAD_MS), LOAD_MS, 3);
    return entry;
  }

  /**
   * The value, or undefined for an entry that counts as a miss.
   * @throws DecodeError, ForeignValueError, EncryptionError for bytes that are no entry this cache can read
   */
  decode(key: string, bytes: Buffer): unknown {
    if (bytes[0] !== FRAME_MAGIC) return counterIn(bytes) ?? this.#codec.decode(bytes, contextOf(key));
    if (!this.#counts(key, bytes)) return undefined;
    // a body without an envelope is damage, also where the codec reads foreign values
    if (bytes[HEADER_BYTES] !== FRAME_MAGIC) {
      throw new DecodeError({ key, reason: 'truncated', detail: 'its header is followed by no envelope' });
    }
    return this.#codec.decode(bytes, contextOf(key), HEADER_BYTES);
  }

  /** Whether bytes of which only the header need be there would be read as a value, as far as a header can tell. */
  holdsValue(key: string, head: Buffer): boolean {
    if (head.length === 0) return false;
    if (head[0] !== FRAME_MAGIC) return this.#readsForeign || counterIn(head) !== undefined;
    return this.#counts(key, head);
  }

  /** Whether the header lets the value be used; throws when this is not an entry's header, or a newer one. */
  #counts(key: string, bytes: Buffer): boolean {
    const kind = bytes[1];
    const flags = bytes[2] ?? 0;
    if (kind !== KIND) throw newer(key, 'it is no cache entry, or one of a newer version');
    if (bytes.length < HEADER_BYTES) {
      throw new DecodeError({ key, reason: 'truncated', detail: 'it is shorter than the header of a cache entry' });
    }
    if ((flags & ~KNOWN_FLAGS) !== 0) throw newer(key, 'the cache entry was written by a newer version');
    if ((flags & MISS_FLAGS) !== 0 || bytes[HEADER_BYTES - 1] !== 0) return false;
    return readU32(bytes, VERSION) === this.#version && isZero(bytes, FRESH_UNTIL, 6);
  }
}

function newer(key: string, detail: string): DecodeError {
  return new DecodeError({ key, reason: 'version', detail });
}

function contextOf(key: string): CodecContext {
  return { domain: 'cache', key };
}

function versionId(version: string | undefined): number {
  return version === undefined ? 0 : createHash('sha256').update(version).digest().readUInt32BE(0);
}

function counterIn(bytes: Buffer): number | undefined {
  if (bytes.length === 0 || bytes.length > MAX_COUNTER_BYTES) return undefined;
  const text = bytes.toString('latin1');
  if (!COUNTER.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
