import { lessThan } from '../compile/operators.js';
import { numberToString } from '../number.js';
import { first, LuaFault, type LuaTable, type LuaValue, typeName } from '../value.js';
import { type Arguments, library } from './arguments.js';

export function tableLibrary(): LuaTable {
  return library({
    concat,
    getn: (args) => args.table(0).length,
    insert,
    maxn: (args) => {
      let largest = 0;
      for (const [key] of args.table(0).entries()) if (typeof key === 'number' && key > largest) largest = key;
      return largest;
    },
    remove,
    sort,
  });
}

function concat(args: Arguments): string {
  const table = args.table(0);
  const separator = args.values[1] === undefined ? '' : args.string(1);
  const [from, to] = [args.integer(2, 1), args.integer(3, table.length)];
  const parts: string[] = [];
  for (let index = from; index <= to; index += 1) {
    const value = table.get(index);
    if (typeof value === 'string') parts.push(value);
    else if (typeof value === 'number') parts.push(numberToString(value));
    else throw new LuaFault(`invalid value (${typeName(value)}) at index ${index} in table for 'concat'`);
  }
  return parts.join(separator);
}

function checkWritable(table: LuaTable): void {
  if (table.readonly) throw new LuaFault('Attempt to modify a readonly table');
}

function insert(args: Arguments): LuaValue[] {
  const table = args.table(0);
  checkWritable(table);
  const end = table.length + 1;
  if (args.values.length === 2) {
    table.set(end, args.values[1]);
  } else if (args.values.length === 3) {
    const position = args.integer(1);
    for (let index = Math.max(end, position); index > position; index -= 1) table.set(index, table.get(index - 1));
    table.set(position, args.values[2]);
  } else {
    throw new LuaFault("wrong number of arguments to 'insert'");
  }
  return [];
}

function remove(args: Arguments): LuaValue | LuaValue[] {
  const table = args.table(0);
  checkWritable(table);
  const end = table.length;
  const position = args.integer(1, end);
  if (position < 1 || position > end) return [];
  const value = table.get(position);
  for (let index = position; index < end; index += 1) table.set(index, table.get(index + 1));
  table.set(end, undefined);
  return value;
}

function sort(args: Arguments): LuaValue[] {
  const table = args.table(0);
  checkWritable(table);
  const order = args.values[1];
  if (order !== undefined && typeof order !== 'function')
    return args.fail(1, `function expected, got ${typeName(order)}`);
  const isBefore =
    order === undefined
      ? lessThan
      : (a: LuaValue, b: LuaValue): boolean => {
          const result = first(order([a, b]));
          return result !== undefined && result !== false;
        };
  const sorted = Array.from({ length: table.length }, (_, index) => ({ value: table.get(index + 1) }));
  // wrapped, because JavaScript would move undefined to the end without asking
  sorted.sort((a, b) => {
    if (isBefore(a.value, b.value)) return -1;
    return isBefore(b.value, a.value) ? 1 : 0;
  });
  for (const [index, { value }] of sorted.entries()) table.set(index + 1, value);
  return [];
}
