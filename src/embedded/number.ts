import { ErrorReply, NOT_FLOAT, NOT_INTEGER } from './reply.js';

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** A whole number as servers write it: no sign, space or zero in front. Undefined beyond 64 bits. */
export function parseInt64(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return value >= MIN_INT64 && value <= MAX_INT64 ? value : undefined;
}

export function fitsInt64(value: bigint): boolean {
  return value >= MIN_INT64 && value <= MAX_INT64;
}

/** A whole number argument, as the nearest double. @throws ErrorReply when it is none */
export function integerArg(text: string, problem: string = NOT_INTEGER): number {
  const value = shortInteger(text) ?? parseInt64(text);
  if (value === undefined) throw new ErrorReply(problem);
  return Number(value);
}

/** What a stored counter holds, if it is short enough for exact arithmetic on doubles. */
export function shortInteger(text: string): number | undefined {
  const length = text.length;
  if (length === 0 || length > 15) return undefined;
  let index = text.charCodeAt(0) === 45 ? 1 : 0;
  if (index === length || (text.charCodeAt(index) === 48 && length > 1)) return undefined;
  let value = 0;
  for (; index < length; index += 1) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return text.charCodeAt(0) === 45 ? -value : value;
}

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

export function parseFloatText(text: string): number | undefined {
  if (FLOAT.test(text)) return Number(text);
  const match = INFINITE.exec(text);
  if (match === null) return undefined;
  return match[1] === '-' ? -Infinity : Infinity;
}

export function floatArg(text: string, problem: string = NOT_FLOAT): number {
  const value = parseFloatText(text);
  if (value === undefined) throw new ErrorReply(problem);
  return value;
}

/** A double as scripts and scores show it: the shortest text that reads back as the same number. */
export function doubleText(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
