/**
 * Guards for options: each states what was expected and what came, with the option's path. Collect them in the
 * constructor of whatever takes the options, so that inside there is one checked shape.
 */
import { ConfigError, typeOf } from './errors.js';

/** A `ConfigError` about one option. Shows numbers, booleans and short names as they came, anything else by type. */
export function wrong(option: string, expected: string, received: unknown): ConfigError {
  return new ConfigError([{ option, expected, received: show(received) }]);
}

function show(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value === '') return 'an empty string';
  return typeOf(value);
}

/** Rejects what is not a plain options object, and options that do not exist, naming the nearest one that does. */
export function checkKnown(path: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrong(path, 'an object of options', options);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? `one of ${names.join(', ')}` : `a known option – did you mean \`${near}\`?`;
    throw new ConfigError([{ option: `${path}.${name}`, expected: hint, received: 'an unknown option' }]);
  }
}

/** A whole number within the range, both ends included. */
export function checkInteger(path: string, value: unknown, range: { min: number; max: number }): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= range.min && value <= range.max)
    return value;
  throw wrong(path, `a whole number from ${range.min} to ${range.max}`, value);
}

/** A finite number within the range, both ends included. */
export function checkNumber(path: string, value: unknown, range: { min: number; max: number }): number {
  if (typeof value === 'number' && value >= range.min && value <= range.max) return value;
  throw wrong(path, `a number from ${range.min} to ${range.max}`, value);
}

export function checkBoolean(path: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(path, 'true or false', value);
}

/** A string that is not empty and has no lone surrogates (two of which would become one key in UTF-8). */
export function checkText(path: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.isWellFormed()) return value;
  throw wrong(path, 'a non-empty, well-formed string', value);
}

export function checkFunction(path: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(path, 'a function', value);
}

/** One of a closed list of names. */
export function checkOneOf<T extends string>(path: string, value: unknown, names: readonly T[]): T {
  if (names.includes(value as T)) return value as T;
  const expected = names.map((name) => `'${name}'`).join(' or ');
  throw new ConfigError([
    { option: path, expected, received: typeof value === 'string' ? JSON.stringify(value) : show(value) },
  ]);
}

/** The candidate within a third of the name's length in edits, or undefined. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
