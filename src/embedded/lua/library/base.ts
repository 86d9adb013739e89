import type { Machine } from '../compile/frame.js';
import { caughtValue, position } from '../fault.js';
import { numberToString, parseNumber } from '../number.js';
import {
  LuaError,
  LuaFault,
  type LuaFunction,
  type LuaResults,
  LuaTable,
  LuaUserdata,
  type LuaValue,
  typeName,
} from '../value.js';
import { Arguments } from './arguments.js';

const identities = new WeakMap<object, string>();
let nextIdentity = 0x7f0000001000;

/** An address-like name, the same for one object as long as it lives. */
function identity(value: object): string {
  let text = identities.get(value);
  if (text === undefined) {
    nextIdentity += 0x20;
    text = `0x${nextIdentity.toString(16)}`;
    identities.set(value, text);
  }
  return text;
}

export function toText(value: LuaValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberToString(value);
  if (value instanceof LuaUserdata) return value.text;
  if (value instanceof LuaTable || typeof value === 'function') return `${typeName(value)}: ${identity(value)}`;
  return value === undefined ? 'nil' : String(value);
}

/** The functions that Lua has outside any table, as far as a server lets scripts see them. */
export function baseFunctions(machine: Machine): Record<string, LuaFunction> {
  return {
    assert: (args) => {
      const [condition, message] = args;
      if (args.length === 0) return new Arguments('assert', args).any(0);
      if (condition !== undefined && condition !== false) return args;
      if (args.length < 2 || message === undefined) throw new LuaError('assertion failed!');
      throw new LuaError(message);
    },
    error: ([value, level]) => {
      const isPositioned = typeof value === 'string' && level !== 0;
      throw new LuaError(isPositioned ? position(machine) + value : value);
    },
    ipairs: (args) => [nextIndex, new Arguments('ipairs', args).table(0), 0],
    next: (args) => nextPair(new Arguments('next', args).table(0), args[1]),
    pairs: (args) => {
      const table = new Arguments('pairs', args).table(0);
      return [([, key]) => nextPair(table, key), table, undefined];
    },
    pcall: (args) => protectedCall(machine, args, errorText),
    rawequal: ([a, b]) => a === b,
    rawget: (args) => new Arguments('rawget', args).table(0).get(args[1]),
    rawset: (args) => {
      const table = new Arguments('rawset', args).table(0);
      if (table.readonly) throw new LuaFault('Attempt to modify a readonly table');
      table.set(args[1], args[2]);
      return table;
    },
    select,
    tonumber,
    tostring: (args) => toText(new Arguments('tostring', args).any(0)),
    type: (args) => typeName(new Arguments('type', args).any(0)),
    unpack,
    xpcall: ([run, handler]) =>
      protectedCall(machine, [run], (value) => (typeof handler === 'function' ? handler([value]) : value)),
  };
}

/** A server's `pcall` gives the text of an error table, which is what commands raise. */
function errorText(value: LuaValue): LuaValue {
  const text = value instanceof LuaTable ? value.get('err') : undefined;
  return typeof text === 'string' || typeof text === 'number' ? text : value;
}

function protectedCall(machine: Machine, args: LuaValue[], handle: (value: LuaValue) => LuaResults): LuaResults {
  const [run, ...rest] = args;
  if (typeof run !== 'function') return [false, `attempt to call a ${typeName(run)} value`];
  try {
    const results = run(rest);
    return Array.isArray(results) ? [true, ...results] : [true, results];
  } catch (error) {
    const handled = handle(caughtValue(error, machine));
    return Array.isArray(handled) ? [false, ...handled] : [false, handled];
  }
}

const nextIndex: LuaFunction = ([table, index]) => {
  const following = (index as number) + 1;
  const value = (table as LuaTable).get(following);
  return value === undefined ? undefined : [following, value];
};

function nextPair(table: LuaTable, key: LuaValue): LuaResults {
  const following = table.next(key);
  return following === undefined ? undefined : [following, table.get(following)];
}

const select: LuaFunction = (args) => {
  if (args[0] === '#') return args.length - 1;
  const checked = new Arguments('select', args);
  const given = checked.integer(0);
  const start = given < 0 ? args.length + given : given;
  if (given === 0 || start < 1) return checked.fail(0, 'index out of range');
  return args.slice(start);
};

const DIGITS = /^[0-9a-z]+$/;

const tonumber: LuaFunction = (args) => {
  const checked = new Arguments('tonumber', args);
  const value = checked.any(0);
  const base = checked.integer(1, 10);
  if (base === 10) {
    if (typeof value === 'number') return value;
    return typeof value === 'string' ? parseNumber(value) : undefined;
  }
  if (base < 2 || base > 36) return checked.fail(1, 'base out of range');
  const text = checked.string(0).replace(/\0.*$/s, '').trim().toLowerCase();
  const isNegative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '').replace(base === 16 ? /^0x/ : /^(?=\0)/, '');
  if (!DIGITS.test(digits)) return undefined;
  let result = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 36);
    if (worth >= base) return undefined;
    result = result * BigInt(base) + BigInt(worth);
  }
  // as strtoul has it: what is too large is the largest, and a minus wraps around
  if (result > MAX_UINT64) return Number(MAX_UINT64);
  return Number(isNegative ? BigInt.asUintN(64, -result) : result);
};

const MAX_UINT64 = 2n ** 64n - 1n;
const MAX_UNPACKED = 8000;

export const unpack: LuaFunction = (args) => {
  const checked = new Arguments('unpack', args);
  const table = checked.table(0);
  const from = checked.integer(1, 1);
  const to = checked.integer(2, table.length);
  if (from === 1 && to === table.length && to < MAX_UNPACKED) return table.list.slice();
  if (to - from >= MAX_UNPACKED) throw new LuaFault('too many results to unpack');
  const values: LuaValue[] = [];
  for (let index = from; index <= to; index += 1) values.push(table.get(index));
  return values;
};
