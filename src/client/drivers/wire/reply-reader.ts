/**
 * Bytes of a connection to replies, as they come: a reply may begin in one chunk and end many later.
 *
 * What has been read stays read: no byte is looked at twice, except the few of a line or a short string that the end
 * of a chunk cut in two. So a reply costs time in proportion to its size, however it is sliced.
 *
 * Source: https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
 */
import type { Reply, ReplyMode } from '../../driver.js';

/** Who gets the replies. */
export interface ReplyHandler {
  /** How the strings of the reply that begins now are delivered. */
  mode(): ReplyMode;
  /** An error reply as a value: what `onError` gets, and what stands inside the reply of `EXEC`. */
  toError(message: string): Error;
  onReply(reply: Reply): void;
  onError(error: Error): void;
  /** Out-of-band data: its kind, then its parts, strings as bytes. */
  onPush(parts: readonly Reply[]): void;
}

/** The peer does not speak RESP, or a byte was changed on the way: nothing after it can be trusted. */
export class ProtocolError extends Error {}

const CR = 0x0d;
const LF = 0x0a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;

/** The first byte of each kind of reply. */
const TYPE = {
  string: 0x2b, // +
  error: 0x2d, // -
  integer: 0x3a, // :
  bulk: 0x24, // $
  array: 0x2a, // *
  null: 0x5f, // _
  boolean: 0x23, // #
  double: 0x2c, // ,
  bigNumber: 0x28, // (
  bulkError: 0x21, // !
  verbatim: 0x3d, // =
  map: 0x25, // %
  set: 0x7e, // ~
  attribute: 0x7c, // |
  push: 0x3e, // >
} as const;

/** What a server may announce for one string: `proto-max-bulk-len` cannot be larger than what a Buffer holds. */
const MAX_BULK_BYTES = 2 ** 32 - 1;
const MAX_ITEMS = 2 ** 31;
const MAX_LINE_BYTES = 1024 * 1024;
/** From here on a string that the end of a chunk cuts is put together by itself: joining copies the whole next chunk. */
const LONG_BULK_BYTES = 64;
/** Digits that a double holds exactly whatever they are. */
const EXACT_DIGITS = 15;

/** A reply inside of which the reader is. */
interface Frame {
  readonly type: number;
  readonly items: Reply[];
  left: number;
  readonly parent: Frame | undefined;
}

/** The rest of a long string: what has come of it, and how many bytes are missing, its end of line included. */
interface LongBulk {
  readonly type: number;
  readonly parts: Buffer[];
  missing: number;
}

export class ReplyReader {
  readonly #handler: ReplyHandler;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #frame: Frame | undefined;
  #long: LongBulk | undefined;
  #mode: ReplyMode = 'text';
  /** The number that `#readNumber` read last. */
  #number = 0;

  constructor(handler: ReplyHandler) {
    this.#handler = handler;
  }

  /** Reads what the chunk completes. @throws ProtocolError, after which the reader is of no use */
  push(chunk: Buffer): void {
    const bytes = this.#long === undefined ? chunk : this.#fill(this.#long, chunk);
    if (bytes.length === 0) return;
    this.#bytes = this.#at < this.#bytes.length ? Buffer.concat([this.#bytes.subarray(this.#at), bytes]) : bytes;
    this.#at = 0;
    const end = this.#bytes.length;
    while (this.#at < end) {
      const start = this.#at;
      if (this.#readItem()) continue;
      if (this.#long === undefined) this.#at = start;
      break;
    }
    if (this.#at === end) this.#bytes = NOTHING;
  }

  /** Reads one value, or the beginning of one that holds others. False when it is not all there yet. */
  #readItem(): boolean {
    const type = this.#bytes[this.#at] as number;
    this.#at += 1;
    if (this.#frame === undefined) this.#mode = type === TYPE.push ? 'bytes' : this.#handler.mode();
    switch (type) {
      case TYPE.bulk:
      case TYPE.bulkError:
      case TYPE.verbatim:
        return this.#readBulk(type);
      case TYPE.integer:
        return this.#readNumber() && this.#take(this.#number);
      case TYPE.array:
      case TYPE.set:
      case TYPE.map:
      case TYPE.attribute:
      case TYPE.push:
        return this.#readNumber() && this.#open(type, this.#number);
      default:
        return this.#readLine(type);
    }
  }

  #readLine(type: number): boolean {
    const start = this.#at;
    const end = this.#bytes.indexOf(CR, start);
    if (end === -1 || end + 1 >= this.#bytes.length) {
      if (this.#bytes.length - start > MAX_LINE_BYTES) throw new ProtocolError('a line without an end');
      return false;
    }
    this.#endLine(end);
    switch (type) {
      case TYPE.string:
        return this.#take(this.#string(start, end));
      case TYPE.error:
        return this.#takeError(this.#bytes.toString('utf8', start, end));
      case TYPE.null:
        return this.#take(null);
      case TYPE.boolean:
        return this.#take(this.#bytes[start] === 0x74);
      case TYPE.double:
        return this.#take(toDouble(this.#bytes.toString('latin1', start, end)));
      case TYPE.bigNumber:
        return this.#take(toBigInt(this.#bytes.toString('latin1', start, end)));
      default:
        throw new ProtocolError(`a reply cannot begin with byte ${type}`);
    }
  }

  /** Reads a whole number and its end of line into `#number`. False when it is not all there yet. */
  #readNumber(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    const sign = bytes[at];
    if (sign === MINUS || sign === PLUS) at += 1;
    const firstDigit = at;
    let number = 0;
    for (; ; at += 1) {
      const digit = (bytes[at] as number) - ZERO;
      // also when there is no such byte
      if (!(digit >= 0 && digit <= 9)) break;
      number = number * 10 + digit;
    }
    if (at + 1 >= bytes.length) {
      if (at < bytes.length && bytes[at] !== CR) throw new ProtocolError('a number with something else in it');
      return false;
    }
    if (at === firstDigit) throw new ProtocolError('a number without digits');
    this.#endLine(at);
    const exact = at - firstDigit <= EXACT_DIGITS;
    if (exact) this.#number = sign === MINUS ? 0 - number : number;
    else this.#number = Number(bytes.toString('latin1', start, at));
    return true;
  }

  /** Steps over the end of a line at `at`. */
  #endLine(at: number): void {
    if (this.#bytes[at] !== CR || this.#bytes[at + 1] !== LF) throw new ProtocolError('a line that does not end');
    this.#at = at + 2;
  }

  #readBulk(type: number): boolean {
    if (!this.#readNumber()) return false;
    const length = this.#number;
    if (length === -1) return this.#take(null);
    if (!(length >= 0 && length <= MAX_BULK_BYTES)) throw new ProtocolError('a string of an impossible length');
    const start = this.#at;
    const end = start + length;
    if (end + 2 <= this.#bytes.length) {
      this.#endLine(end);
      return this.#takeBulk(type, start, end);
    }
    if (length < LONG_BULK_BYTES) return false;
    const missing = end + 2 - this.#bytes.length;
    this.#long = { type, parts: [this.#bytes.subarray(start)], missing };
    this.#at = this.#bytes.length;
    return false;
  }

  /** Adds to a long string; returns what follows it in the chunk. */
  #fill(long: LongBulk, chunk: Buffer): Buffer {
    const part = chunk.subarray(0, long.missing);
    long.parts.push(part);
    long.missing -= part.length;
    if (long.missing > 0) return NOTHING;
    this.#long = undefined;
    this.#bytes = Buffer.concat(long.parts);
    this.#endLine(this.#bytes.length - 2);
    this.#takeBulk(long.type, 0, this.#bytes.length - 2);
    return chunk.subarray(part.length);
  }

  #takeBulk(type: number, start: number, end: number): boolean {
    if (type === TYPE.bulk) return this.#take(this.#string(start, end));
    if (type === TYPE.bulkError) return this.#takeError(this.#bytes.toString('utf8', start, end));
    // a verbatim string begins with three letters for its format and a colon
    return this.#take(this.#string(Math.min(start + 4, end), end));
  }

  #string(start: number, end: number): string | Buffer {
    if (this.#mode === 'text' || this.#isKey()) return this.#bytes.toString('utf8', start, end);
    return this.#bytes.subarray(start, end);
  }

  /** Names in a map are text in both modes. */
  #isKey(): boolean {
    const frame = this.#frame;
    return frame !== undefined && frame.type === TYPE.map && frame.left % 2 === 0;
  }

  #open(type: number, count: number): boolean {
    if (count === -1) return this.#take(null);
    if (!(count >= 0 && count <= MAX_ITEMS)) throw new ProtocolError('a list of an impossible length');
    const left = type === TYPE.map || type === TYPE.attribute ? count * 2 : count;
    const frame: Frame = { type, items: [], left, parent: this.#frame };
    this.#frame = frame;
    if (left === 0) this.#close(frame);
    return true;
  }

  #takeError(message: string): boolean {
    const error = this.#handler.toError(message);
    if (this.#frame !== undefined) return this.#take(error);
    this.#handler.onError(error);
    return true;
  }

  /** A value is complete: it goes where it belongs, which may complete what it is a part of. */
  #take(value: Reply): true {
    const frame = this.#frame;
    if (frame === undefined) {
      this.#handler.onReply(value);
      return true;
    }
    frame.items.push(value);
    frame.left -= 1;
    if (frame.left === 0) this.#close(frame);
    return true;
  }

  #close(frame: Frame): void {
    this.#frame = frame.parent;
    // attributes speak of the reply that follows; nothing here asks for them
    if (frame.type === TYPE.attribute) return;
    if (frame.type === TYPE.push) this.#handler.onPush(frame.items);
    else this.#take(frame.type === TYPE.map ? toMap(frame.items) : frame.items);
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

function toMap(items: readonly Reply[]): Reply {
  const map = Object.create(null) as Record<string, Reply>;
  // names are text already; a map with other keys than names and numbers is nothing that Redis sends
  for (let index = 0; index < items.length; index += 2) map[items[index] as string] = items[index + 1] as Reply;
  return map;
}

function toDouble(text: string): number {
  if (text === 'inf' || text === '+inf') return Infinity;
  if (text === '-inf') return -Infinity;
  if (text === 'nan' || text === '-nan') return NaN;
  const number = Number(text);
  if (text === '' || Number.isNaN(number)) throw new ProtocolError('a number that is none');
  return number;
}

function toBigInt(text: string): bigint {
  if (!/^[-+]?\d+$/.test(text)) throw new ProtocolError('a number that is none');
  return BigInt(text.replace('+', ''));
}
