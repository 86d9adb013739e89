/**
 * A MessagePack writer that takes the smallest form of everything, and integers for all safe integers: what strictly
 * typed readers such as Rust's `rmp-serde` need. Values have passed `findRefusal` before.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
/** What differs between the profiles on the way out. */
export interface WriteDialect {
  /** Whether whole numbers beyond 32 bits are written as integers, and properties that are undefined left out. */
  readonly portable: boolean;
  /** Writes an object that is neither plain nor an array. False: it is plain after all, of another realm. */
  object(writer: MessageWriter, value: object): boolean;
  bigint(writer: MessageWriter, value: bigint): void;
  undefined(writer: MessageWriter): void;
}

/** Scratch memory, kept between messages while it is small. Undefined while a message is being written. */
let scratch: Buffer | undefined;
const SCRATCH_BYTES = 16_384;

/** The bytes of one value, behind `reserve` free bytes, in memory of their own. */
export function writeMessage(value: unknown, reserve: number, dialect: WriteDialect): Buffer {
  const writer = new MessageWriter(scratch ?? Buffer.allocUnsafe(SCRATCH_BYTES), reserve, dialect);
  scratch = undefined; // an accessor that encodes something by itself must not write into ours
  writer.write(value);
  const { buffer, position } = writer;
  const message = Buffer.allocUnsafe(position);
  buffer.copy(message, reserve, reserve, position);
  if (buffer.length === SCRATCH_BYTES) scratch = buffer;
  return message;
}

export class MessageWriter {
  buffer: Buffer;
  position: number;
  readonly #dialect: WriteDialect;

  constructor(buffer: Buffer, position: number, dialect: WriteDialect) {
    this.buffer = buffer;
    this.position = position;
    this.#dialect = dialect;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return this.#number(value);
      case 'boolean':
        return this.byte(value ? 0xc3 : 0xc2);
      case 'bigint':
        return this.#dialect.bigint(this, value);
      case 'object':
        return value === null ? this.byte(0xc0) : this.#object(value);
      default:
        return this.#dialect.undefined(this);
    }
  }

  byte(value: number): void {
    const start = this.reserve(1);
    this.buffer[start] = value;
  }

  bytes(source: Uint8Array): void {
    const start = this.reserve(source.length);
    this.buffer.set(source, start);
  }

  binary(source: Uint8Array): void {
    this.#header(0xc4, source.length);
    this.bytes(source);
  }

  /** An extension whose length is known once its content is written. */
  extension(type: number, writeContent: () => void): void {
    this.byte(0xc9);
    const header = this.reserve(4);
    this.byte(type);
    const start = this.position;
    writeContent();
    this.buffer.writeUInt32BE(this.position - start, header);
  }

  float64(value: number): void {
    this.byte(0xcb);
    const start = this.reserve(8);
    this.buffer.writeDoubleBE(value, start);
  }

  /**
   * Makes room for `size` bytes, steps over them and returns where they begin. May replace `buffer`: call it before
   * naming that.
   */
  reserve(size: number): number {
    const start = this.position;
    this.position = start + size;
    if (this.position > this.buffer.length) this.#grow();
    return start;
  }

  /** A whole number within ±2^53, in its smallest form. */
  integer(value: number): void {
    if (value >= 0) {
      if (value < 0x80) this.byte(value);
      else if (value <= 0xffff_ffff) this.#header(0xcc, value);
      else this.bigint64(BigInt(value));
    } else if (value >= -0x20) {
      this.byte(value + 0x100);
    } else if (value >= -0x80) {
      this.byte(0xd0);
      const start = this.reserve(1);
      this.buffer.writeInt8(value, start);
    } else if (value >= -0x8000) {
      this.byte(0xd1);
      const start = this.reserve(2);
      this.buffer.writeInt16BE(value, start);
    } else if (value >= -0x8000_0000) {
      this.byte(0xd2);
      const start = this.reserve(4);
      this.buffer.writeInt32BE(value, start);
    } else {
      this.bigint64(BigInt(value));
    }
  }

  /** A bigint of at most 64 bits, in 8 bytes: unsigned unless negative. */
  bigint64(value: bigint): void {
    this.byte(value < 0n ? 0xd3 : 0xcf);
    const start = this.reserve(8);
    if (value < 0n) this.buffer.writeBigInt64BE(value, start);
    else this.buffer.writeBigUInt64BE(value, start);
  }

  #number(value: number): void {
    const whole = this.#dialect.portable ? Number.isSafeInteger(value) : value >> 0 === value || value >>> 0 === value;
    if (whole) this.integer(value);
    else this.float64(value);
  }

  #text(text: string): void {
    if (text.length < 0x20 && this.#shortAscii(text)) return;
    const length = Buffer.byteLength(text);
    if (length < 0x20) this.byte(0xa0 | length);
    else this.#header(0xd9, length);
    const start = this.reserve(length);
    this.buffer.write(text, start, 'utf8');
  }

  /** Most names and many values are short and ASCII: for these the calls into Node would cost most of the time. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    const start = this.reserve(1 + length);
    const { buffer } = this;
    buffer[start] = 0xa0 | length;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) {
        this.position = start;
        return false;
      }
      buffer[start + 1 + index] = code;
    }
    return true;
  }

  #object(value: object): void {
    if (Array.isArray(value)) return this.#items(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    const plain = prototype === Object.prototype || prototype === null || !this.#dialect.object(this, value);
    if (plain) this.#properties(value as Record<string, unknown>);
  }

  #items(items: readonly unknown[]): void {
    this.#containerHeader({ fix: 0x90, wide: 0xdc }, items.length);
    for (const item of items) this.write(item);
  }

  #properties(properties: Record<string, unknown>): void {
    const names = Object.keys(properties);
    let count = names.length;
    if (this.#dialect.portable) for (const name of names) if (properties[name] === undefined) count -= 1;
    this.#containerHeader({ fix: 0x80, wide: 0xde }, count);
    for (const name of names) {
      const value = properties[name];
      if (value === undefined && this.#dialect.portable) continue;
      this.#text(name);
      this.write(value);
    }
  }

  /** A length behind the token of its width: `token` for 8 bits, the next ones for 16 and 32. */
  #header(token: number, length: number): void {
    if (length < 0x100) {
      this.byte(token);
      this.byte(length);
    } else {
      this.#wideHeader(token + 1, length);
    }
  }

  #containerHeader(tokens: { readonly fix: number; readonly wide: number }, count: number): void {
    if (count < 0x10) this.byte(tokens.fix | count);
    else this.#wideHeader(tokens.wide, count);
  }

  #wideHeader(token: number, length: number): void {
    if (length < 0x1_0000) {
      this.byte(token);
      const start = this.reserve(2);
      this.buffer.writeUInt16BE(length, start);
    } else {
      this.byte(token + 1);
      const start = this.reserve(4);
      this.buffer.writeUInt32BE(length, start);
    }
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(Math.max(this.position, this.buffer.length * 2));
    this.buffer.copy(larger);
    this.buffer = larger;
  }
}
