import { toNumber } from '../compile/operators.js';
import { numberToString } from '../number.js';
import { LuaFault, LuaTable, type LuaValue, typeName } from '../value.js';

/** The arguments of a call to a library function, checked as the C library of Lua does. Positions count from 0. */
export class Arguments {
  readonly values: readonly LuaValue[];
  readonly #name: string;

  constructor(name: string, values: readonly LuaValue[]) {
    this.#name = name;
    this.values = values;
  }

  fail(index: number, problem: string): never {
    throw new LuaFault(`bad argument #${index + 1} to '${this.#name}' (${problem})`);
  }

  any(index: number): LuaValue {
    if (index >= this.values.length) this.fail(index, 'value expected');
    return this.values[index];
  }

  number(index: number): number {
    const value = this.values[index];
    if (typeof value === 'number') return value;
    return toNumber(value) ?? this.#wrongType(index, 'number');
  }

  /** A number as C's conversion to an integer leaves it. */
  integer(index: number, fallback?: number): number {
    if (fallback !== undefined && this.values[index] === undefined) return fallback;
    const value = Math.trunc(this.number(index));
    return Number.isNaN(value) ? -(2 ** 31) : value;
  }

  string(index: number): string {
    const value = this.values[index];
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return numberToString(value);
    return this.#wrongType(index, 'string');
  }

  table(index: number): LuaTable {
    const value = this.values[index];
    return value instanceof LuaTable ? value : this.#wrongType(index, 'table');
  }

  #wrongType(index: number, expected: string): never {
    const got = index < this.values.length ? typeName(this.values[index]) : 'no value';
    return this.fail(index, `${expected} expected, got ${got}`);
  }
}

/** Makes a read-only library table. */
export function library(
  functions: Readonly<Record<string, (args: Arguments) => LuaValue | LuaValue[]>>,
  constants: Readonly<Record<string, LuaValue>> = {},
): LuaTable {
  const fields: Record<string, LuaValue> = { ...constants };
  for (const [member, run] of Object.entries(functions)) {
    fields[member] = (args) => run(new Arguments(member, args));
  }
  const table = LuaTable.of(fields);
  table.readonly = true;
  return table;
}
