import { isDate } from 'node:util/types';

import { wrong } from '../core/check.js';

const MAX_DEPTH = 32;

/**
 * Values as text, so that two of them have the same text only if they are alike: what JSON knows as JSON with sorted
 * names, and beside it `undefined`, `-0`, `NaN` and infinities, bigints, dates and bytes.
 *
 * @param path how the value is called in errors
 * @throws ConfigError for anything else: functions, symbols, maps, sets and instances of classes say nothing of what
 *   they are
 */
export function canonical(path: string, value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw wrong(path, `nested no deeper than ${MAX_DEPTH} levels`, value);
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return ofObject(path, value, depth);
    default:
      throw wrong(path, EXPECTED, value);
  }
}

const EXPECTED = 'plain data: text, numbers, booleans, null, dates, bytes, and arrays and plain objects of them';

function ofObject(path: string, value: object | null, depth: number): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item, index) => canonical(`${path}[${index}]`, item, depth + 1)).join(',')}]`;
  }
  if (isDate(value)) {
    if (Number.isNaN(value.getTime())) throw wrong(path, 'a valid date', value);
    return `Date(${value.getTime()})`;
  }
  if (value instanceof Uint8Array) return `bytes(${Buffer.from(value).toString('base64')})`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw wrong(path, EXPECTED, value);
  const parts = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(`${path}.${name}`, item, depth + 1)}`);
  return `{${parts.join(',')}}`;
}
