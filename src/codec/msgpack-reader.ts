/**
 * A strict MessagePack reader, for all profiles and for bytes that others wrote. It reads one value and nothing after
 * it, refuses duplicate and dangerous keys, text that is no UTF-8, unknown extensions and nesting beyond `MAX_DEPTH`,
 * and allocates no more than the bytes at hand can fill.
 *
 * Small messages, which most are, are what it is fast at: their text is made once and cut into the strings of the
 * value, and the names of properties are looked up by their bytes instead of being made anew.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { readF64, readU16, readU32 } from '../core/bytes.js';
import { isUtf8 } from 'node:buffer';
import { knownName, learnName } from './known-names.js';
import { MAX_DEPTH } from './plain.js';
import { Malformed } from './serializer.js';

/** Up to here a loop is faster than a call into Node. */
const SHORT_TEXT = 48;
/** A string that was cut from a message's text keeps all of that text alive: no more than this. */
const SHARED_TEXT_BYTES = 512;

const NOTHING: Buffer = Buffer.alloc(0);

/** What differs between the profiles on the way in. */
export interface ReadDialect {
  /** True: a 64-bit integer within the safe range is a number. False: it is always a bigint. */
  readonly narrowInt64: boolean;
  /** Reads the `length` bytes of an extension, which are at `reader.position`. */
  extension(reader: MessageReader, type: number, length: number): unknown;
}

/** Reads values of one dialect, one after another. */
export class MessageReader {
  position = 0;
  readonly #dialect: ReadDialect;
  #bytes = NOTHING;
  #end = 0;
  /** The whole message, one character per byte; undefined when it is too long to be shared. */
  #text: string | undefined;
  #textStart = 0;
  #depth = 0;

  constructor(dialect: ReadDialect) {
    this.#dialect = dialect;
  }

  /** The one value that the bytes from `start` on hold; it owns its memory. @throws Malformed */
  readMessage(bytes: Buffer, start: number): unknown {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.position = this.#textStart = start;
    this.#text = bytes.length - start > SHARED_TEXT_BYTES ? undefined : bytes.toString('latin1', start);
    this.#depth = 0;
    try {
      const value = this.read();
      if (this.position !== this.#end) throw new Malformed('bytes follow the MessagePack value');
      return value;
    } finally {
      this.#bytes = NOTHING;
      this.#text = undefined;
    }
  }

  read(): unknown {
    const token = this.#bytes[this.take(1)] as number;
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 0x100;
    if (token < 0x90) return this.#map(token & 0x0f);
    if (token < 0xa0) return this.#array(token & 0x0f);
    if (token < 0xc0) return this.#string(token & 0x1f);
    return this.#tagged(token);
  }

  /** Steps over `length` bytes that must be there, and returns where they begin. */
  take(length: number): number {
    const start = this.position;
    if (length > this.#end - start) throw new Malformed('the MessagePack value ends early');
    this.position = start + length;
    return start;
  }

  /** A copy of the next `length` bytes. */
  takeBytes(length: number): Buffer {
    const start = this.take(length);
    return Buffer.from(this.#bytes.subarray(start, start + length));
  }

  /** Runs `readContent` one level deeper. */
  nested<T>(readContent: () => T): T {
    this.#enter();
    const content = readContent();
    this.#depth -= 1;
    return content;
  }

  #tagged(token: number): unknown {
    const bytes = this.#bytes;
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.takeBytes(this.#length(token - 0xc4));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#length(token - 0xc7));
      case 0xca:
        return bytes.readFloatBE(this.take(4));
      case 0xcb:
        return readF64(bytes, this.take(8));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (token - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#length(token - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(token - 0xdb));
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(token - 0xdd));
      default:
        return this.#integer(token);
    }
  }

  #integer(token: number): number | bigint {
    const bytes = this.#bytes;
    switch (token) {
      case 0xcc:
        return bytes[this.take(1)] as number;
      case 0xcd:
        return readU16(bytes, this.take(2));
      case 0xce:
        return readU32(bytes, this.take(4));
      case 0xcf:
        return this.#narrow(bytes.readBigUInt64BE(this.take(8)));
      case 0xd0:
        return ((bytes[this.take(1)] as number) << 24) >> 24;
      case 0xd1:
        return (readU16(bytes, this.take(2)) << 16) >> 16;
      case 0xd2:
        return readU32(bytes, this.take(4)) | 0;
      case 0xd3:
        return this.#narrow(bytes.readBigInt64BE(this.take(8)));
      default:
        throw new Malformed('a byte that MessagePack never uses');
    }
  }

  #narrow(value: bigint): number | bigint {
    if (!this.#dialect.narrowInt64) return value;
    const narrow = Number(value);
    return Number.isSafeInteger(narrow) ? narrow : value;
  }

  /** @param width of the length: 0 one byte, 1 two, 2 four */
  #length(width: number): number {
    const bytes = this.#bytes;
    const at = this.take(1 << width);
    if (width === 0) return bytes[at] as number;
    return width === 1 ? readU16(bytes, at) : readU32(bytes, at);
  }

  #string(length: number): string {
    const start = this.take(length);
    const end = this.position;
    const bytes = this.#bytes;
    if (length <= SHORT_TEXT && isAscii(bytes, start, end)) {
      if (this.#text !== undefined) return this.#text.slice(start - this.#textStart, end - this.#textStart);
      return bytes.toString('latin1', start, end);
    }
    const text = bytes.toString('utf8', start, end);
    if (text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, end))) throw new Malformed('text that is not UTF-8');
    return text;
  }

  #array(length: number): unknown[] {
    this.#enter();
    const items: unknown[] = [];
    for (let index = 0; index < length; index += 1) items.push(this.read());
    this.#depth -= 1;
    return items;
  }

  #map(length: number): Record<string, unknown> {
    this.#enter();
    const properties: Record<string, unknown> = {};
    for (let index = 0; index < length; index += 1) {
      const name = this.#knownName() ?? this.#newName();
      properties[name] = this.read();
    }
    // the engine keeps the names with the shape of an object: cheaper than to look for every name before it is added
    if (Object.keys(properties).length !== length) throw new Malformed('a map with the same key twice');
    this.#depth -= 1;
    return properties;
  }

  /** The name of a property if it was read before, else undefined and the position as it was. */
  #knownName(): string | undefined {
    const name = knownName(this.#bytes, this.position);
    if (name !== undefined) this.position += 1 + name.length;
    return name;
  }

  /** Keys of other languages' integer maps become their decimal digits, as a property's name would. */
  #newName(): string {
    const start = this.position;
    const name = this.read();
    if (typeof name === 'number' || typeof name === 'bigint') return String(name);
    if (typeof name !== 'string') throw new Malformed('a map key that is neither text nor a number');
    if (name === '__proto__') throw new Malformed('a map key named __proto__');
    // one byte of header and one per character: a short name in ASCII
    const isShort = name !== '' && name.length < 0x20 && start + 1 + name.length === this.position;
    if (isShort) learnName(this.#bytes, start);
    return name;
  }

  #extension(length: number): unknown {
    const type = this.#bytes.readInt8(this.take(1));
    const start = this.take(length);
    this.position = start;
    const value = this.#dialect.extension(this, type, length);
    if (this.position !== start + length) throw new Malformed(`an extension of type ${type} with a wrong length`);
    return value;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new Malformed(`more than ${MAX_DEPTH} levels of nesting`);
  }
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  let seen = 0;
  for (let index = start; index < end; index += 1) seen |= bytes[index] as number;
  return seen < 0x80;
}
