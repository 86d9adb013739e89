/**
 * The walk that every value takes before it is serialized: it refuses what would not come back as it went in, and
 * names the place. One pass, and no allocation as long as nothing is refused.
 *
 * Four losses are accepted, because refusing them would refuse ordinary data: -0 comes back as 0; properties with
 * symbol keys, non-enumerable properties and named properties of arrays are not stored; an accessor is stored as the
 * value it gave; an object that occurs twice comes back as two. Each format adds its own: see `Rules`.
 */
import { typeOf } from '../core/errors.js';

/** Levels of objects and arrays in a value. Bounds the stack on both sides, and finds cycles. */
export const MAX_DEPTH = 100;

/** What one format can carry beyond null, booleans, finite numbers, strings, plain objects and arrays. */
export interface Rules {
  /** NaN and the infinities. */
  readonly nonFinite: boolean;
  readonly bigint: 'none' | '64-bit' | 'any';
  /** Buffers and Uint8Arrays. */
  readonly binary: boolean;
  readonly date: 'none' | 'valid' | 'any';
  /** `undefined` as an element of an array. As a property it is either kept or left out, never refused. */
  readonly undefinedItem: boolean;
  /** Map, Set, RegExp, Error and all typed arrays. */
  readonly rich: boolean;
}

/** Something that a format cannot carry: where it is (from the outside in), what was expected, what was found. */
export class Refusal {
  readonly problem: string;
  #path = '';

  constructor(problem: string) {
    this.problem = problem;
  }

  /** Called by each level on the way out, so that paths cost nothing until there is a refusal. */
  within(step: string | number): this {
    this.#path = (typeof step === 'number' ? `[${step}]` : property(step)) + this.#path;
    return this;
  }

  get path(): string {
    return `$${this.#path}`;
  }
}

const IDENTIFIER = /^[A-Za-z_$][\w$]{0,63}$/;

function property(name: string): string {
  return IDENTIFIER.test(name) ? `.${name}` : `[${JSON.stringify(name.slice(0, 64))}]`;
}

/** The first thing in the value that the rules do not allow, or undefined. */
export function findRefusal(value: unknown, rules: Rules): Refusal | undefined {
  if (value === undefined) return new Refusal('expected a value, got undefined – undefined means absent');
  return visit(value, rules, 0);
}

function visit(value: unknown, rules: Rules, depth: number): Refusal | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : new Refusal('expected well-formed text, got a lone surrogate');
    case 'number':
      if (rules.nonFinite || Number.isFinite(value)) return undefined;
      return new Refusal(`expected a finite number, got ${value} – use msgpack()`);
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'bigint':
      return visitBigint(value, rules);
    case 'object':
      return value === null ? undefined : visitObject(value, rules, depth);
    default:
      return new Refusal(`expected plain data, got ${typeOf(value)}`);
  }
}

function visitBigint(value: bigint, rules: Rules): Refusal | undefined {
  if (rules.bigint === 'none') return new Refusal('expected plain data, got a bigint – use msgpack()');
  if (rules.bigint === 'any' || (value >= -(2n ** 63n) && value < 2n ** 64n)) return undefined;
  return new Refusal("expected a bigint of at most 64 bits, got a longer one – use msgpack({ profile: 'rich' })");
}

function visitObject(value: object, rules: Rules, depth: number): Refusal | undefined {
  if (depth === MAX_DEPTH) {
    return new Refusal(`expected at most ${MAX_DEPTH} levels of nesting, got more, or a cycle`);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return visitProperties(value, rules, depth + 1);
  if (Array.isArray(value)) return visitItems(value, rules, depth + 1);
  return visitInstance(value, rules, depth);
}

function visitProperties(value: object, rules: Rules, depth: number): Refusal | undefined {
  for (const key in value) {
    const refusal = refuseName(key) ?? visit((value as Record<string, unknown>)[key], rules, depth)?.within(key);
    // for-in also lists what somebody put on Object.prototype, which is not ours to store or to refuse
    if (refusal !== undefined && Object.hasOwn(value, key)) return refusal;
  }
  return undefined;
}

function refuseName(name: string): Refusal | undefined {
  if (name === '__proto__') return new Refusal('expected plain data, got an own property named __proto__');
  if (name.isWellFormed()) return undefined;
  return new Refusal('expected well-formed property names, got a lone surrogate');
}

function visitItems(value: readonly unknown[], rules: Rules, depth: number): Refusal | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Array.prototype && !isForeignBuiltin(prototype, 'Array')) {
    return new Refusal(`expected plain data, got an instance of ${className(prototype)}`);
  }
  for (let index = 0; index < value.length; index += 1) {
    const item = value[index];
    const refusal = item === undefined ? missingItem(value, index, rules) : visit(item, rules, depth);
    if (refusal !== undefined) return refusal.within(index);
  }
  return undefined;
}

function missingItem(value: readonly unknown[], index: number, rules: Rules): Refusal | undefined {
  if (!Object.hasOwn(value, index)) return new Refusal('expected an array without holes, got a hole');
  if (rules.undefinedItem) return undefined;
  return new Refusal('expected an element, got undefined, which would come back as null – use null');
}

function visitInstance(value: object, rules: Rules, depth: number): Refusal | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (isBinary(value)) return rules.binary ? undefined : new Refusal('expected plain data, got bytes – use msgpack()');
  if (value instanceof Date && prototype === Date.prototype) return visitDate(value, rules);
  if (isForeignBuiltin(prototype, 'Object')) return visitProperties(value, rules, depth + 1);
  if (isRich(value, prototype)) {
    if (rules.rich) return visitRich(value, rules, depth + 1);
    return new Refusal(`expected plain data, got ${typeOf(value)} – use msgpack({ profile: 'rich' })`);
  }
  return new Refusal(`expected plain data, got an instance of ${className(prototype)}`);
}

function visitDate(value: Date, rules: Rules): Refusal | undefined {
  if (rules.date === 'none') return new Refusal('expected plain data, got a Date – use msgpack(), or its time in ms');
  if (rules.date === 'any' || !Number.isNaN(value.getTime())) return undefined;
  return new Refusal('expected a valid Date, got an invalid one');
}

/** A Buffer or a Uint8Array itself; subclasses and other views come back as something else. */
export function isBinary(value: unknown): value is Uint8Array {
  if (!ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Buffer.prototype || prototype === Uint8Array.prototype;
}

/** The views that the `rich` profile keeps, at the number it stores. Numbers are never reused. */
export const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Errors of any class are rich: they come back as an Error of the same name. */
function isRich(value: object, prototype: unknown): boolean {
  if (prototype === Map.prototype || prototype === Set.prototype || prototype === RegExp.prototype) return true;
  return value instanceof Error || TYPED_ARRAYS.some((TypedArray) => prototype === TypedArray.prototype);
}

function visitRich(value: object, rules: Rules, depth: number): Refusal | undefined {
  if (value instanceof Map) {
    for (const [key, item] of value) {
      const refusal =
        visit(key, rules, depth)?.within('(key of a Map)') ?? visit(item, rules, depth)?.within(label(key));
      if (refusal !== undefined) return refusal;
    }
  } else if (value instanceof Set) {
    let index = 0;
    for (const item of value) {
      const refusal = visit(item, rules, depth)?.within(index);
      if (refusal !== undefined) return refusal;
      index += 1;
    }
  } else if (value instanceof RegExp) {
    return visit(value.source, rules, depth);
  } else if (value instanceof Error) {
    return visit(value.name, rules, depth)?.within('name') ?? visit(value.message, rules, depth)?.within('message');
  }
  return undefined;
}

function label(key: unknown): string {
  return typeof key === 'string' ? key : `(entry of a Map, key ${typeOf(key)})`;
}

/** True for the built-in prototype of another realm, such as a `vm` context: its objects are as plain as ours. */
function isForeignBuiltin(prototype: unknown, name: 'Object' | 'Array'): boolean {
  if (typeof prototype !== 'object' || prototype === null) return false;
  const { constructor } = prototype;
  return (
    typeof constructor === 'function' &&
    constructor.name === name &&
    constructor.prototype === prototype &&
    /\[native code\]/.test(Function.prototype.toString.call(constructor))
  );
}

function className(prototype: unknown): string {
  const name = (prototype as { constructor?: { name?: unknown } } | null)?.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an unnamed class';
}
