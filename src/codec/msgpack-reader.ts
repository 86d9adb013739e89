/**
 * A strict MessagePack reader: for bytes that others wrote, and for the profiles whose extensions msgpackr does not
 * know. It reads one value and nothing after it, refuses duplicate and dangerous keys, text that is no UTF-8, unknown
 * extensions and nesting beyond `MAX_DEPTH`, and allocates no more than the bytes at hand can fill.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
import { isUtf8 } from 'node:buffer';
import { MAX_DEPTH } from './plain.js';
import { Malformed } from './serializer.js';

/** Up to here a loop is faster than a call into Node. */
const SHORT_TEXT = 16;

/** What differs between the profiles on the way in. */
export interface ReadDialect {
  /** True: a 64-bit integer within the safe range is a number. False: it is always a bigint. */
  readonly narrowInt64: boolean;
  /** Reads the `length` bytes of an extension, which are at `reader.position`. */
  extension(reader: MessageReader, type: number, length: number): unknown;
}

/** Reads the one value that the bytes hold. @throws Malformed */
export function readMessage(bytes: Buffer, dialect: ReadDialect): unknown {
  const reader = new MessageReader(bytes, dialect);
  const value = reader.read();
  if (reader.position !== reader.end) throw new Malformed('bytes follow the MessagePack value');
  return value;
}

export class MessageReader {
  readonly bytes: Buffer;
  readonly end: number;
  position = 0;
  readonly #dialect: ReadDialect;
  #depth = 0;

  constructor(bytes: Buffer, dialect: ReadDialect) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.#dialect = dialect;
  }

  read(): unknown {
    const token = this.bytes[this.take(1)] as number;
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 0x100;
    if (token < 0x90) return this.#map(token & 0x0f);
    if (token < 0xa0) return this.#array(token & 0x0f);
    if (token < 0xc0) return this.#text(token & 0x1f);
    return this.#tagged(token);
  }

  /** Steps over `length` bytes that must be there, and returns where they begin. */
  take(length: number): number {
    const start = this.position;
    if (length > this.end - start) throw new Malformed('the MessagePack value ends early');
    this.position = start + length;
    return start;
  }

  /** A copy of the next `length` bytes. */
  takeBytes(length: number): Buffer {
    const start = this.take(length);
    return Buffer.from(this.bytes.subarray(start, start + length));
  }

  /** Runs `readContent` one level deeper. */
  nested<T>(readContent: () => T): T {
    this.#enter();
    const content = readContent();
    this.#depth -= 1;
    return content;
  }

  #tagged(token: number): unknown {
    const { bytes } = this;
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
        return bytes.readDoubleBE(this.take(8));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (token - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#length(token - 0xd9));
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
    const { bytes } = this;
    switch (token) {
      case 0xcc:
        return bytes.readUInt8(this.take(1));
      case 0xcd:
        return bytes.readUInt16BE(this.take(2));
      case 0xce:
        return bytes.readUInt32BE(this.take(4));
      case 0xcf:
        return this.#narrow(bytes.readBigUInt64BE(this.take(8)));
      case 0xd0:
        return bytes.readInt8(this.take(1));
      case 0xd1:
        return bytes.readInt16BE(this.take(2));
      case 0xd2:
        return bytes.readInt32BE(this.take(4));
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

  /** A length of 1, 2 or 4 bytes: of 2 to the power of `width`. */
  #length(width: number): number {
    const size = 1 << width;
    return this.bytes.readUIntBE(this.take(size), size);
  }

  #text(length: number): string {
    const start = this.take(length);
    if (length <= SHORT_TEXT) {
      const text = this.#shortAscii(start, length);
      if (text !== undefined) return text;
    }
    const text = this.bytes.toString('utf8', start, this.position);
    if (text.includes('\uFFFD') && !isUtf8(this.bytes.subarray(start, this.position))) {
      throw new Malformed('text that is not UTF-8');
    }
    return text;
  }

  #shortAscii(start: number, length: number): string | undefined {
    const { bytes } = this;
    let text = '';
    for (let index = start; index < start + length; index += 1) {
      const code = bytes[index] as number;
      if (code >= 0x80) return undefined;
      text += String.fromCharCode(code);
    }
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
      const name = this.#name();
      if (Object.hasOwn(properties, name)) throw new Malformed('a map with the same key twice');
      properties[name] = this.read();
    }
    this.#depth -= 1;
    return properties;
  }

  /** Keys of other languages' integer maps become their decimal digits, as a property's name would. */
  #name(): string {
    const name = this.read();
    if (typeof name === 'number' || typeof name === 'bigint') return String(name);
    if (typeof name !== 'string') throw new Malformed('a map key that is neither text nor a number');
    if (name === '__proto__') throw new Malformed('a map key named __proto__');
    return name;
  }

  #extension(length: number): unknown {
    const type = this.bytes.readInt8(this.take(1));
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
