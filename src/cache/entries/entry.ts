import { createHash } from 'node:crypto';

import { FRAME_MAGIC } from '../../codec/envelope.js';
import { type Codec, type CodecContext, type CodecOptions, createCodec, DecodeError } from '../../codec/index.js';
import { asBuffer } from '../../core/bytes.js';
import { wrong } from '../../core/check.js';
import {
  blankHeader,
  FLAG,
  hasFlag,
  HEADER_BYTES,
  setEpoch,
  setFlag,
  setLoadMs,
  setTagCount,
  slidingPart,
  type Standing,
  standingOf,
  versionOf,
} from './entry-header.js';
import { bodyStart, type Tag, tagSection } from './tag-section.js';

/** What `increment` leaves: a decimal integer in its one canonical form. */
const COUNTER = /^(?:0|-?[1-9]\d{0,15})$/;
const MAX_COUNTER_BYTES = 17;

/** What an entry says beside its value. */
export interface EntryFacts {
  /** Of its namespace: where it is not known, the entry can be found by nobody. */
  readonly epoch: Buffer | undefined;
  readonly tags: readonly Tag[];
  /** By how much a read prolongs its lifetime. Default: 0, not at all. */
  readonly slidingMs?: number;
  /** How long its loader took, if it was loaded. */
  readonly loadMs?: number;
}

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
    this.#blank = blankHeader(this.#version);
  }

  /**
   * An entry without times: fresh for as long as Redis keeps it, unless a script writes them.
   * @throws SerializationError for a value that the codec cannot bring back as it was
   */
  encode(key: string, value: unknown, facts: EntryFacts): Buffer {
    const sections = sectionsOf(facts);
    const entry = asBuffer(this.#codec.encode(value, contextOf(key), HEADER_BYTES + sections.length));
    return this.#writeHead(entry, sections, facts);
  }

  /** The entry that says that there is no value. */
  encodeNegative(facts: EntryFacts): Buffer {
    const sections = sectionsOf(facts);
    const entry = this.#writeHead(Buffer.alloc(HEADER_BYTES + sections.length), sections, facts);
    setFlag(entry, FLAG.negative);
    return entry;
  }

  /** The header of an entry that has no value yet. */
  placeholder(epoch: Buffer): Buffer {
    const header = Buffer.from(this.#blank);
    setEpoch(header, epoch);
    setFlag(header, FLAG.placeholder);
    return header;
  }

  /** Fills what was left free before the value. */
  #writeHead(entry: Buffer, sections: Buffer, { epoch, tags, slidingMs = 0, loadMs = 0 }: EntryFacts): Buffer {
    entry.set(this.#blank, 0);
    if (epoch !== undefined) setEpoch(entry, epoch);
    if (loadMs > 0) setLoadMs(entry, loadMs);
    if (sections.length === 0) return entry;
    entry.set(sections, HEADER_BYTES);
    if (slidingMs > 0) setFlag(entry, FLAG.sliding);
    if (tags.length > 0) setFlag(entry, FLAG.tags);
    setTagCount(entry, tags.length);
    return entry;
  }

  /** Whether bytes that have a standing have a header. */
  isEntry(bytes: Buffer): boolean {
    return bytes[0] === FRAME_MAGIC;
  }

  /**
   * What bytes are worth, by their header alone. Counters and foreign values have none, and are fresh.
   * @param nowMs not behind the server's time
   * @throws DecodeError
   */
  standing(key: string, bytes: Buffer, nowMs: number): Standing | 'other-version' {
    if (!this.isEntry(bytes)) return 'fresh';
    const standing = standingOf(key, bytes, nowMs);
    return standing === 'loading' || versionOf(bytes) === this.#version ? standing : 'other-version';
  }

  /**
   * The value of bytes that have a standing; undefined where that there is none is what they say.
   * @throws DecodeError, ForeignValueError, EncryptionError
   */
  value(key: string, bytes: Buffer): unknown {
    if (!this.isEntry(bytes)) return counterIn(bytes) ?? this.#codec.decode(bytes, contextOf(key));
    if (hasFlag(bytes, FLAG.negative)) return undefined;
    const start = bodyStart(bytes);
    // a body without an envelope is damage, also where the codec reads foreign values
    if (bytes[start] !== FRAME_MAGIC) {
      throw new DecodeError({ key, reason: 'truncated', detail: 'its header is followed by no envelope' });
    }
    return this.#codec.decode(bytes, contextOf(key), start);
  }

  /** Whether bytes that have a standing would be a value, as far as can be told without decoding it. */
  mayBeValue(bytes: Buffer): boolean {
    if (!this.isEntry(bytes)) return this.#readsForeign || counterIn(bytes) !== undefined;
    return !hasFlag(bytes, FLAG.negative);
  }
}

const NOTHING = Buffer.alloc(0);

function sectionsOf({ tags, slidingMs = 0 }: EntryFacts): Buffer {
  if (slidingMs === 0) return tags.length === 0 ? NOTHING : tagSection(tags);
  return Buffer.concat([slidingPart(slidingMs), tagSection(tags)]);
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
