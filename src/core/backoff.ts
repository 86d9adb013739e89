import type { Random } from './random.js';

/**
 * A wait before attempt number `attempt` (0 is the first retry): uniform in [base/2, top], where top doubles from
 * `baseMs` to `maxMs`. Jitter spreads many clients apart; the floor keeps one client from spinning.
 */
export function jitteredDelay(
  attempt: number,
  limits: { readonly baseMs: number; readonly maxMs: number },
  random: Random,
): number {
  const top = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt, 30));
  const floor = limits.baseMs / 2;
  return floor + random.uniform() * Math.max(0, top - floor);
}
