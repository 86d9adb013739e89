import { checkInteger } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { Scope } from './scope.js';

/** The arguments of `increment`. */
export interface Incrementing {
  readonly key: string;
  readonly by: number;
  readonly ttl: Duration | undefined;
}

/** @throws CounterError */
export async function increment(scope: Scope, { key, by, ttl }: Incrementing): Promise<number> {
  const full = scope.space.key(key);
  checkInteger('by', by, { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
  const ttlMs = ttl === undefined ? scope.plan.ttlMs : toMs(ttl, 'cache.ttl');
  scope.beforeWrite(full);
  return scope.changing([full], () => scope.common.counters.increment(full, key, [by, ttlMs]));
}
