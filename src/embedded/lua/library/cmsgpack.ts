import { LuaFault, LuaTable, type LuaValue } from '../value.js';
import { type Arguments, library } from './arguments.js';

const MAX_DEPTH = 16;

/** `cmsgpack`: MessagePack without extensions. */
export function cmsgpackLibrary(): LuaTable {
  return library({
    pack: (args) => {
      if (args.values.length === 0) return args.fail(0, 'MessagePack pack needs input.');
      return args.values.map((value) => pack(value, 0)).join('');
    },
    unpack: (args: Arguments) => {
      const data = args.string(0);
      const reader = new Reader(Buffer.from(data, 'latin1'));
      const values: LuaValue[] = [];
      while (reader.hasMore) values.push(reader.value());
      return values;
    },
  });
}

function bytes(size: number, write: (buffer: Buffer) => void): string {
  const buffer = Buffer.allocUnsafe(size);
  write(buffer);
  return buffer.toString('latin1');
}

function pack(value: LuaValue, depth: number): string {
  if (typeof value === 'string') return packString(value);
  if (typeof value === 'number') return packNumber(value);
  if (typeof value === 'boolean') return value ? '\xc3' : '\xc2';
  if (!(value instanceof LuaTable) || depth >= MAX_DEPTH) return '\xc0';
  return value.isSequence && value.length > 0 ? packArray(value, depth) : packMap(value, depth);
}

function header(length: number, codes: { short: number; shortLimit: number; wide: readonly [number, number] }): string {
  if (length < codes.shortLimit) return String.fromCharCode(codes.short | length);
  if (length <= 0xffff) {
    return bytes(3, (buffer) => buffer.writeUInt16BE(length, buffer.writeUInt8(codes.wide[0])));
  }
  return bytes(5, (buffer) => buffer.writeUInt32BE(length, buffer.writeUInt8(codes.wide[1])));
}

function packString(text: string): string {
  if (text.length >= 32 && text.length <= 0xff) return `\xd9${String.fromCharCode(text.length)}${text}`;
  return header(text.length, { short: 0xa0, shortLimit: 32, wide: [0xda, 0xdb] }) + text;
}

function packArray(table: LuaTable, depth: number): string {
  const items = table.list.map((item) => pack(item, depth + 1)).join('');
  return header(table.length, { short: 0x90, shortLimit: 16, wide: [0xdc, 0xdd] }) + items;
}

function packMap(table: LuaTable, depth: number): string {
  const entries = [...table.entries()];
  // what is keyed 1..n is a list even when Lua keeps it elsewhere; an empty table is an empty list
  if (entries.length === 0) return '\x90';
  const body = entries.map(([key, value]) => pack(key, depth + 1) + pack(value, depth + 1)).join('');
  return header(entries.length, { short: 0x80, shortLimit: 16, wide: [0xde, 0xdf] }) + body;
}

function packNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return packInteger(value);
  if (Math.fround(value) === value) return bytes(5, (buffer) => buffer.writeFloatBE(value, buffer.writeUInt8(0xca)));
  return bytes(9, (buffer) => buffer.writeDoubleBE(value, buffer.writeUInt8(0xcb)));
}

function packInteger(value: number): string {
  if (value >= 0) {
    if (value <= 0x7f) return String.fromCharCode(value);
    if (value <= 0xff) return `\xcc${String.fromCharCode(value)}`;
    if (value <= 0xffff) return bytes(3, (buffer) => buffer.writeUInt16BE(value, buffer.writeUInt8(0xcd)));
    if (value <= 0xffff_ffff) return bytes(5, (buffer) => buffer.writeUInt32BE(value, buffer.writeUInt8(0xce)));
    return bytes(9, (buffer) => buffer.writeBigUInt64BE(BigInt(value), buffer.writeUInt8(0xcf)));
  }
  if (value >= -32) return String.fromCharCode(0x100 + value);
  if (value >= -0x80) return bytes(2, (buffer) => buffer.writeInt8(value, buffer.writeUInt8(0xd0)));
  if (value >= -0x8000) return bytes(3, (buffer) => buffer.writeInt16BE(value, buffer.writeUInt8(0xd1)));
  if (value >= -0x8000_0000) return bytes(5, (buffer) => buffer.writeInt32BE(value, buffer.writeUInt8(0xd2)));
  return bytes(9, (buffer) => buffer.writeBigInt64BE(BigInt(value), buffer.writeUInt8(0xd3)));
}

class Reader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get hasMore(): boolean {
    return this.#at < this.#data.length;
  }

  value(): LuaValue {
    const code = this.#unsigned(1);
    if (code <= 0x7f) return code;
    if (code <= 0x8f) return this.#map(code & 0x0f);
    if (code <= 0x9f) return this.#array(code & 0x0f);
    if (code <= 0xbf) return this.#string(code & 0x1f);
    if (code >= 0xe0) return code - 0x100;
    return this.#wide(code);
  }

  #wide(code: number): LuaValue {
    switch (code) {
      case 0xc0:
        return undefined;
      case 0xc2:
      case 0xc3:
        return code === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#string(this.#unsigned(1 << (code - 0xc4)));
      case 0xca:
        return this.#data.readFloatBE(this.#take(4));
      case 0xcb:
        return this.#data.readDoubleBE(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (code - 0xcc));
      case 0xcf:
        return Number(this.#data.readBigUInt64BE(this.#take(8)));
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#signed(1 << (code - 0xd0));
      case 0xd3:
        return Number(this.#data.readBigInt64BE(this.#take(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#unsigned(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(code === 0xdc ? 2 : 4));
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(code === 0xde ? 2 : 4));
      default:
        throw new LuaFault('Bad data format in input.');
    }
  }

  #take(size: number): number {
    const start = this.#at;
    this.#at += size;
    if (this.#at > this.#data.length) throw new LuaFault('Missing bytes in input.');
    return start;
  }

  #unsigned(size: number): number {
    return this.#data.readUIntBE(this.#take(size), size);
  }

  #signed(size: number): number {
    return this.#data.readIntBE(this.#take(size), size);
  }

  #string(length: number): string {
    const start = this.#take(length);
    return this.#data.toString('latin1', start, start + length);
  }

  #array(length: number): LuaTable {
    const table = new LuaTable();
    for (let index = 1; index <= length; index += 1) table.set(index, this.value());
    return table;
  }

  #map(length: number): LuaTable {
    const table = new LuaTable();
    for (let index = 0; index < length; index += 1) {
      const key = this.value();
      const value = this.value();
      if (key === undefined) throw new LuaFault('table index is nil');
      table.set(key, value);
    }
    return table;
  }
}
