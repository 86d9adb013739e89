/**
 * Values of the Lua evaluator. Strings hold one byte per UTF-16 unit (latin1), so they are byte-safe and compare by
 * byte; numbers are doubles as in Lua 5.1; `undefined` is nil.
 */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaUserdata | LuaFunction;

/** What a call gives: one value, or a list of any length. A list is never itself a value, so the two cannot be confused. */
export type LuaResults = LuaValue | LuaValue[];
export type LuaFunction = (args: LuaValue[]) => LuaResults;

/** An opaque constant such as `cjson.null`. */
export class LuaUserdata {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What `error` throws: any value. */
export class LuaError extends Error {
  readonly value: LuaValue;

  constructor(value: LuaValue) {
    super(typeof value === 'string' ? value : 'Lua error');
    this.value = value;
  }
}

/** What the evaluator or its library objects to; it gets the script's position where it is caught. */
export class LuaFault extends Error {}

/** The script used up its instructions. No `pcall` catches it. */
export class LuaBudgetError extends Error {}

/** A list part for keys 1..n, whose last item is never nil, and a map for all other keys. */
export class LuaTable {
  readonly list: LuaValue[];
  readonly: boolean = false;
  readonly #map = new Map<LuaValue, LuaValue>();
  #walk: { keys: IterableIterator<LuaValue>; last: LuaValue } | undefined;

  constructor(list: LuaValue[] = []) {
    this.list = list;
  }

  /** Makes a table with string keys. */
  static of(fields: Readonly<Record<string, LuaValue>>): LuaTable {
    const table = new LuaTable();
    for (const [key, value] of Object.entries(fields)) table.#map.set(key, value);
    return table;
  }

  get(key: LuaValue): LuaValue {
    if (typeof key === 'number' && key >= 1 && key <= this.list.length && Number.isInteger(key)) {
      return this.list[key - 1];
    }
    return this.#map.get(key);
  }

  set(key: LuaValue, value: LuaValue): void {
    if (typeof key === 'number' && key >= 1 && key <= this.list.length + 1 && Number.isInteger(key)) {
      this.#setListed(key, value);
    } else if (value === undefined) {
      // the key stays while a walk is under way, as clearing a field during `next` is allowed; JS maps handle that
      this.#map.delete(key);
    } else {
      this.#map.set(key, value);
    }
  }

  #setListed(key: number, value: LuaValue): void {
    const list = this.list;
    if (value !== undefined) {
      list[key - 1] = value;
      if (key === list.length && this.#map.size > 0) this.#adoptFollowing(key);
    } else if (key < list.length) {
      list[key - 1] = undefined;
    } else if (key === list.length) {
      list.pop();
      while (list.length > 0 && list[list.length - 1] === undefined) list.pop();
    } else {
      this.#map.delete(key);
    }
  }

  /** Moves keys that now continue the list out of the map. */
  #adoptFollowing(appended: number): void {
    this.#map.delete(appended);
    for (let key = appended + 1; ; key += 1) {
      const value = this.#map.get(key);
      if (value === undefined) return;
      this.list.push(value);
      this.#map.delete(key);
    }
  }

  /** The `#` operator: a border. */
  get length(): number {
    return this.list.length;
  }

  /** True when no key lies outside the list and the list has no holes. */
  get isSequence(): boolean {
    return this.#map.size === 0 && !this.list.includes(undefined);
  }

  *entries(): Generator<[LuaValue, LuaValue]> {
    for (let index = 0; index < this.list.length; index += 1) {
      const value = this.list[index];
      if (value !== undefined) yield [index + 1, value];
    }
    yield* this.#map;
  }

  /** The key that follows in an iteration: nil at the end. @throws LuaFault for a key that is not there */
  next(key: LuaValue): LuaValue {
    const isListed = typeof key === 'number' && key >= 1 && key <= this.list.length && Number.isInteger(key);
    if (key === undefined || isListed) {
      for (let index = key === undefined ? 0 : key; index < this.list.length; index += 1) {
        if (this.list[index] !== undefined) return index + 1;
      }
      this.#walk = { keys: this.#map.keys(), last: undefined };
    } else if (this.#walk === undefined || this.#walk.last !== key) {
      this.#walk = this.#walkFrom(key);
    }
    const step = this.#walk.keys.next();
    this.#walk.last = step.done === true ? undefined : step.value;
    return this.#walk.last;
  }

  #walkFrom(key: LuaValue): { keys: IterableIterator<LuaValue>; last: LuaValue } {
    const keys = this.#map.keys();
    for (let step = keys.next(); step.done !== true; step = keys.next()) {
      if (step.value === key) return { keys, last: key };
    }
    throw new LuaFault("invalid key to 'next'");
  }
}

export function typeName(value: LuaValue): string {
  if (value === undefined) return 'nil';
  if (value instanceof LuaTable) return 'table';
  if (value instanceof LuaUserdata) return 'userdata';
  return typeof value;
}

export function first(results: LuaResults): LuaValue {
  return Array.isArray(results) ? results[0] : results;
}
