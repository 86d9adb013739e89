import { createHash } from 'node:crypto';

import { FRAME_MAGIC } from '../../codec/envelope.js';
import { type Codec, type CodecContext, type CodecOptions, createCodec, DecodeError } from '../../codec/index.js';
import { wrong } from '../../core/check.js';
import {
  blankHeader,
  FLAG,
  HEADER_BYTES,
  isNegative,
  setFlag,
  setLoadMs,
  type Standing,
  standingOf,
  versionOf,
} from './entry-header.js';

/** What `increment` leaves: a decimal integer in its one canonical form. */
const COUNTER = /^(?:0|-?[1-9]\d{0,15})$/;
const MAX_COUNTER_BYTES = 17;

/** What a loader made. */
export interface Made {
  /** How long it took. */
  readonly loadMs: number;
}

/** Turns values of one cache into entries and back: its codec and its `version`. */
export class EntryFormat {
  readonly #codec: Codec;
  readonly #version: number;
  readonly #readsForeign: boolean;
  readonly #blank: Buffer;
  /** The header of an entry that has no value yet. */
  readonly placeholder: Buffer;

  /** @throws ConfigError */
  constructor(options: CodecOptions | undefined, version: string | undefined) {
    if (options?.envelope === false) {
      const why = 'true, because entries are told apart by it from counters and foreign values';
      throw wrong('cache.codec.envelope', why, false);
    }
    this.#codec = createCodec(options);
    this.#version = versionId(version);
    this.#readsForeign = options?.foreign !== undefined;
    this.#blank = blankHeader(this.#version);
    this.placeholder = blankHeader(this.#version);
    setFlag(this.placeholder, FLAG.placeholder);
  }

  /**
   * An entry without times: fresh for as long as Redis keeps it, unless a script writes them.
   * @throws SerializationError for a value that the codec cannot bring back as it was
   */
  encode(key: string, value: unknown, made?: Made): Buffer {
    const body = this.#codec.encode(value, contextOf(key));
    const entry = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    entry.set(this.#blank, 0);
    entry.set(body, HEADER_BYTES);
    if (made !== undefined) setLoadMs(entry, made.loadMs);
    return entry;
  }

  /** The entry that says that there is no value. */
  encodeNegative({ loadMs }: Made): Buffer {
    const entry = Buffer.from(this.#blank);
    setFlag(entry, FLAG.negative);
    setLoadMs(entry, loadMs);
    return entry;
  }

  /** Whether bytes that have a standing have a header. */
  isEntry(bytes: Buffer): boolean {
    return bytes[0] === FRAME_MAGIC;
  }

  isOfThisVersion(entry: Buffer): boolean {
    return versionOf(entry) === this.#version;
  }

  /**
   * What bytes are worth, by their header alone. Counters and foreign values have none, and are fresh.
   * @param nowMs not behind the server's time
   * @throws DecodeError
   */
  standing(key: string, bytes: Buffer, nowMs: number): Standing {
    if (!this.isEntry(bytes)) return 'fresh';
    const standing = standingOf(key, bytes, nowMs);
    return this.isOfThisVersion(bytes) ? standing : 'none';
  }

  /**
   * The value of bytes that have a standing; undefined where that there is none is what they say.
   * @throws DecodeError, ForeignValueError, EncryptionError
   */
  value(key: string, bytes: Buffer): unknown {
    if (!this.isEntry(bytes)) return counterIn(bytes) ?? this.#codec.decode(bytes, contextOf(key));
    if (isNegative(bytes)) return undefined;
    // a body without an envelope is damage, also where the codec reads foreign values
    if (bytes[HEADER_BYTES] !== FRAME_MAGIC) {
      throw new DecodeError({ key, reason: 'truncated', detail: 'its header is followed by no envelope' });
    }
    return this.#codec.decode(bytes, contextOf(key), HEADER_BYTES);
  }

  /** Whether bytes of which only the header need be there would be read as a value, as far as a header can tell. */
  holdsValue(key: string, head: Buffer, nowMs: number): boolean {
    if (head.length === 0) return false;
    if (!this.isEntry(head)) return this.#readsForeign || counterIn(head) !== undefined;
    return this.standing(key, head, nowMs) === 'fresh' && !isNegative(head);
  }
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
