import type { LuaTable, LuaValue } from '../value.js';
import { type Arguments, library } from './arguments.js';

type Unary = (value: number) => number;

const UNARY: Readonly<Record<string, Unary>> = {
  abs: Math.abs,
  acos: Math.acos,
  asin: Math.asin,
  atan: Math.atan,
  ceil: Math.ceil,
  cos: Math.cos,
  cosh: Math.cosh,
  deg: (value) => value / (Math.PI / 180),
  exp: Math.exp,
  floor: Math.floor,
  log: Math.log,
  log10: Math.log10,
  rad: (value) => value * (Math.PI / 180),
  sin: Math.sin,
  sinh: Math.sinh,
  sqrt: Math.sqrt,
  tan: Math.tan,
  tanh: Math.tanh,
};

/** `math`, with the server's own generator: every run of a script draws the same numbers. */
export function mathLibrary(generator: Drand48): LuaTable {
  const functions: Record<string, (args: Arguments) => LuaValue | LuaValue[]> = {
    atan2: (args) => Math.atan2(args.number(0), args.number(1)),
    fmod: (args) => args.number(0) % args.number(1),
    frexp: (args) => frexp(args.number(0)),
    ldexp: (args) => args.number(0) * 2 ** args.integer(1),
    max: (args) =>
      args.values.reduce<number>(
        (best, _, index) => (args.number(index) > best ? args.number(index) : best),
        args.number(0),
      ),
    min: (args) =>
      args.values.reduce<number>(
        (best, _, index) => (args.number(index) < best ? args.number(index) : best),
        args.number(0),
      ),
    modf: (args) => {
      const value = args.number(0);
      return [Math.trunc(value), Number.isFinite(value) ? value - Math.trunc(value) : 0];
    },
    pow: (args) => args.number(0) ** args.number(1),
    random: (args) => random(args, generator.next()),
    randomseed: (args) => {
      generator.seed(args.integer(0));
      return [];
    },
  };
  for (const [name, compute] of Object.entries(UNARY)) functions[name] = (args) => compute(args.number(0));
  return library(functions, { huge: Infinity, pi: Math.PI });
}

function random(args: Arguments, fraction: number): number {
  if (args.values.length === 0) return fraction;
  const low = args.values.length === 1 ? 1 : args.integer(0);
  const high = args.integer(args.values.length === 1 ? 0 : 1);
  if (low > high) return args.fail(args.values.length === 1 ? 0 : 1, 'interval is empty');
  return Math.floor(fraction * (high - low + 1)) + low;
}

function frexp(value: number): [number, number] {
  if (value === 0 || !Number.isFinite(value)) return [value, 0];
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(value))) + 1);
  let fraction = value * 2 ** -exponent;
  while (Math.abs(fraction) < 0.5) [fraction, exponent] = [fraction * 2, exponent - 1];
  while (Math.abs(fraction) >= 1) [fraction, exponent] = [fraction / 2, exponent + 1];
  return [fraction, exponent];
}

const MULTIPLIER = 0x5deece66dn;
const MASK = (1n << 48n) - 1n;
const RANGE = 2 ** 31 - 1;

/** The 48-bit linear congruential generator that servers give to scripts. */
export class Drand48 {
  #state = 0x1234abcd330en;
  #isFresh = true;

  /** Back to the start, which is where each run of a script begins. */
  reset(): void {
    if (!this.#isFresh) this.#state = 0x1234abcd330en;
    this.#isFresh = true;
  }

  seed(seed: number): void {
    this.#isFresh = false;
    this.#state = (BigInt.asUintN(32, BigInt(seed)) << 16n) + 0x330en;
  }

  next(): number {
    this.#isFresh = false;
    this.#state = (this.#state * MULTIPLIER + 0xbn) & MASK;
    return (Number(this.#state >> 17n) % RANGE) / RANGE;
  }
}
