import { LuaFault, type LuaTable, type LuaValue } from '../value.js';
import { type Arguments, library } from './arguments.js';

/** One item of a format: `size` is its width, `align` the padding that the `!` option asks for. */
interface Item {
  readonly option: string;
  readonly size: number;
  readonly align: number;
  readonly isLittle: boolean;
}

const NATIVE_ALIGN = 8;
const SIZES: Readonly<Record<string, number>> = { b: 1, B: 1, h: 2, H: 2, l: 8, L: 8, T: 8, f: 4, d: 8, x: 1 };

/** `struct`: numbers and strings in C layouts. Formats: `> < ! x b B h H i[n] I[n] l L T f d s c[n]`. */
export function structLibrary(): LuaTable {
  return library({ pack, size, unpack });
}

function* items(format: string): Generator<Item> {
  let isLittle = true;
  let maxAlign = 1;
  for (let index = 0; index < format.length;) {
    const option = format.charAt(index);
    const digits = /^\d+/.exec(format.slice(index + 1))?.[0] ?? '';
    const count = digits === '' ? undefined : Number(digits);
    const takesCount = 'iIc!'.includes(option);
    index += 1 + (takesCount ? digits.length : 0);
    if (option === '<' || option === '>') {
      isLittle = option === '<';
    } else if (option === '!') {
      maxAlign = count ?? NATIVE_ALIGN;
      if (maxAlign === 0 || (maxAlign & (maxAlign - 1)) !== 0) throw new LuaFault('alignment is not a power of 2');
    } else if (option !== ' ') {
      const width = widthOf(option, count);
      const align = 'csx'.includes(option) ? 1 : Math.min(width, maxAlign);
      if (align > 1 && (align & (align - 1)) !== 0) throw new LuaFault('alignment is not a power of 2');
      yield { option, size: width, align, isLittle };
    }
  }
}

function widthOf(option: string, count: number | undefined): number {
  if (option === 'i' || option === 'I') {
    const width = count ?? 4;
    if (width > 32) throw new LuaFault(`integral size ${width} is larger than limit of 32`);
    return width;
  }
  if (option === 'c') return count ?? 1;
  if (option === 's') return 0;
  const width = SIZES[option];
  if (width === undefined) throw new LuaFault(`invalid format option '${option}'`);
  return width;
}

function padding(at: number, align: number): number {
  return align > 1 ? (align - (at % align)) % align : 0;
}

function pack(args: Arguments): string {
  let packed = '';
  let next = 1;
  for (const item of items(args.string(0))) {
    packed += '\0'.repeat(padding(packed.length, item.align));
    if (item.option === 'x') {
      packed += '\0';
    } else {
      packed += packItem(args, next, item);
      next += 1;
    }
  }
  return packed;
}

function packItem(args: Arguments, index: number, item: Item): string {
  switch (item.option) {
    case 's':
      return `${args.string(index)}\0`;
    case 'c': {
      const text = args.string(index);
      if (item.size === 0) return text;
      if (text.length < item.size) args.fail(index, 'string too short');
      return text.slice(0, item.size);
    }
    case 'f':
    case 'd':
      return floatBytes(args.number(index), item);
    default:
      return integerBytes(args.number(index), item);
  }
}

function floatBytes(value: number, { size: width, isLittle }: Item): string {
  const bytes = Buffer.alloc(width);
  if (width === 4) bytes.writeFloatBE(value);
  else bytes.writeDoubleBE(value);
  return (isLittle ? bytes.reverse() : bytes).toString('latin1');
}

function integerBytes(value: number, { size: width, isLittle }: Item): string {
  let rest = BigInt.asUintN(64, BigInt(Number.isFinite(value) ? Math.trunc(value) : 0));
  let text = '';
  for (let index = 0; index < width; index += 1) {
    const byte = String.fromCharCode(Number(rest & 0xffn));
    text = isLittle ? text + byte : byte + text;
    rest >>= 8n;
  }
  return text;
}

/** Gives the values, then the place where reading stopped. */
function unpack(args: Arguments): LuaValue[] {
  const data = args.string(1);
  let at = args.integer(2, 1) - 1;
  if (at < 0) args.fail(2, 'offset must be 1 or greater');
  const values: LuaValue[] = [];
  for (const item of items(args.string(0))) {
    at += padding(at, item.align);
    let width = item.size;
    if (item.option === 'c' && width === 0) {
      const length = values.pop();
      if (typeof length !== 'number') throw new LuaFault("format 'c0' needs a previous size");
      width = length;
    }
    if (at + width > data.length) args.fail(1, 'data string too short');
    if (item.option === 's') {
      const end = data.indexOf('\0', at);
      if (end === -1) throw new LuaFault('unfinished string in data');
      values.push(data.slice(at, end));
      at = end + 1;
      continue;
    }
    if (item.option !== 'x') values.push(unpackItem(data.slice(at, at + width), item));
    at += width;
  }
  values.push(at + 1);
  return values;
}

function unpackItem(text: string, { option, isLittle }: Item): LuaValue {
  if (option === 'c') return text;
  const bytes = Buffer.from(text, 'latin1');
  if (isLittle) bytes.reverse();
  if (option === 'f') return bytes.readFloatBE();
  if (option === 'd') return bytes.readDoubleBE();
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  const isSigned = option === option.toLowerCase();
  return Number(isSigned ? BigInt.asIntN(Math.min(text.length * 8, 64), value) : BigInt.asUintN(64, value));
}

function size(args: Arguments): number {
  let total = 0;
  for (const item of items(args.string(0))) {
    if (item.option === 's' || (item.option === 'c' && item.size === 0)) args.fail(0, 'variable-size format');
    total += padding(total, item.align) + item.size;
  }
  return total;
}
