import { ConfigError, typeOf } from './errors.js';

/** A length of time: a number is always milliseconds, a string carries its unit (`'250ms'`, `'5s'`, `'10m'`, `'2h'`, `'1d'`). */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Longest duration accepted: about 285 years, so that any sum with a time stays an exact integer. */
const MAX_MS = 9_000_000_000_000;

/**
 * Converts a duration to whole milliseconds; the only unit conversion in the library.
 *
 * @param path how the option is called in the error message, e.g. `lock.ttl`
 * @throws ConfigError when it is not a whole number of milliseconds within `min` (default 1) and `max`
 */
export function toMs(value: Duration, path: string, range: { min?: number; max?: number } = {}): number {
  const min = range.min ?? 1;
  const max = range.max ?? MAX_MS;
  const ms = parse(value);
  if (ms !== undefined && Number.isInteger(ms) && ms >= min && ms <= max) return ms;
  const expected = `a duration of ${min} ms to ${max} ms, as milliseconds or as '250ms', '5s', '10m', '2h', '1d'`;
  const received = typeof value === 'number' || typeof value === 'string' ? JSON.stringify(value) : typeOf(value);
  throw new ConfigError([{ option: path, expected, received: received === 'null' ? String(value) : received }]);
}

function parse(value: Duration): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = PATTERN.exec(value);
  if (match === null) return undefined;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  // '1.1s' is 1100.0000000000002 in binary: what was meant is the nearest millisecond, if it is that near
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : ms;
}
