import type { LuaTable } from '../value.js';
import { type Arguments, library } from './arguments.js';

/** The `bit` library: 32-bit operations on numbers taken modulo 2^32. */
export function bitLibrary(): LuaTable {
  return library({
    arshift: (args) => word(args, 0) >> (word(args, 1) & 31),
    band: (args) => fold(args, (a, b) => a & b),
    bnot: (args) => ~word(args, 0),
    bor: (args) => fold(args, (a, b) => a | b),
    bswap: (args) => {
      const value = word(args, 0);
      return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
    },
    bxor: (args) => fold(args, (a, b) => a ^ b),
    lshift: (args) => word(args, 0) << (word(args, 1) & 31),
    rol: (args) => rotate(word(args, 0), word(args, 1) & 31),
    ror: (args) => rotate(word(args, 0), -word(args, 1) & 31),
    rshift: (args) => (word(args, 0) >>> (word(args, 1) & 31)) | 0,
    tobit: (args) => word(args, 0),
    tohex: (args) => tohex(word(args, 0), args.integer(1, 8)),
  });
}

/** A number as 32 bits: rounded half to even, then modulo 2^32. */
function word(args: Arguments, index: number): number {
  const value = args.number(index);
  const floor = Math.floor(value);
  const rest = value - floor;
  const isUp = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return (isUp ? floor + 1 : floor) | 0;
}

function fold(args: Arguments, combine: (a: number, b: number) => number): number {
  let result = word(args, 0);
  for (let index = 1; index < args.values.length; index += 1) result = combine(result, word(args, index));
  return result;
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by)) | 0;
}

function tohex(value: number, digits: number): string {
  const text = (value >>> 0).toString(16).padStart(8, '0');
  const count = Math.min(Math.abs(digits), 8);
  const cut = text.slice(8 - count);
  return digits < 0 ? cut.toUpperCase() : cut;
}
