import type { Variable } from '../ast.js';
import { LuaFault, LuaTable, type LuaValue } from '../value.js';
import type { Assign, Cell, Evaluate } from './frame.js';
import { type Operand, refuse, type Site } from './operators.js';

export function readLocal({ slot, captured }: Variable): Evaluate {
  if (captured) return (frame) => (frame.slots[slot] as Cell).value;
  return (frame) => frame.slots[slot] as LuaValue;
}

export function assignLocal({ slot, captured }: Variable): Assign {
  if (captured) {
    return (frame, value) => {
      (frame.slots[slot] as Cell).value = value;
    };
  }
  return (frame, value) => {
    frame.slots[slot] = value;
  };
}

/** Gives a local its first value: a captured one gets a new cell each time its declaration runs. */
export function declareLocal({ slot, captured }: Variable): Assign {
  if (captured) {
    return (frame, value) => {
      frame.slots[slot] = { value };
    };
  }
  return (frame, value) => {
    frame.slots[slot] = value;
  };
}

export function readUpvalue(index: number): Evaluate {
  return (frame) => (frame.upvalues[index] as Cell).value;
}

export function assignUpvalue(index: number): Assign {
  return (frame, value) => {
    (frame.upvalues[index] as Cell).value = value;
  };
}

/** `object[key]`. Strings are indexed in the string library, which is how `s:len()` works. */
export function readIndex(object: Operand, key: Evaluate, site: Site & { strings: LuaTable }): Evaluate {
  const { evaluate } = object;
  return (frame) => {
    const target = evaluate(frame);
    if (target instanceof LuaTable) return target.get(key(frame));
    if (typeof target === 'string') return site.strings.get(key(frame));
    return refuse(site, 'index', { value: target, name: object.name });
  };
}

export interface IndexTarget {
  readonly object: LuaValue;
  readonly key: LuaValue;
}

/** Stores into a table, with the checks that Lua and the server make. */
export function store(site: Site, { object, key }: IndexTarget, value: LuaValue): void {
  if (!(object instanceof LuaTable)) return refuse(site, 'index', { value: object, name: undefined });
  if (object.readonly || key === undefined || Number.isNaN(key)) {
    site.machine.line = site.line;
    if (object.readonly) throw new LuaFault('Attempt to modify a readonly table');
    throw new LuaFault(`table index is ${key === undefined ? 'nil' : 'NaN'}`);
  }
  object.set(key, value);
}
