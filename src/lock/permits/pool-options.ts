import { checkInteger, checkKnown } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import { type AcquireOptions, checkLockOptions, checkTtl, type HoldTerms, type LockOptions } from '../options.js';

/** How a side of a read-write lock is held. */
export interface ReadWriteLockOptions extends Omit<LockOptions, 'order' | 'reentrant' | 'deadlocks'> {
  /** Who comes next. `'fifo'` (default): in turn. `'barge'`: this one, where it finds that it fits although others wait. */
  readonly order?: 'fifo' | 'barge' | undefined;
}

export interface SemaphoreOptions extends ReadWriteLockOptions {
  /**
   * How many permits may be held at once, by all processes together: 1 to 1,000,000,000. Each request is judged by what
   * its own process says here.
   */
  readonly permits: number;
  /** How long permits outlive a holder that vanished: 10 ms to 1 d. */
  readonly ttl: Duration;
}

/** How long, by whose leave and for how many permits to wait. */
export interface SemaphoreAcquireOptions extends AcquireOptions {
  /** How many permits it takes: 1, the default, to `permits`. All of them at once. */
  readonly weight?: number | undefined;
}

const MAX_PERMITS = 1_000_000_000;
const HOLD_OPTIONS = ['renew', 'order', 'replicas', 'eviction', 'quarantine', 'metadata', 'prefix'];
export const SEMAPHORE_ACQUIRE_OPTIONS: readonly string[] = ['timeout', 'signal', 'weight'];

/** @throws ConfigError */
export function checkReadWriteOptions(ttl: Duration, options: ReadWriteLockOptions = {}): HoldTerms {
  checkKnown('rwlock', options, HOLD_OPTIONS);
  checkTtl(ttl, 'rwlock.ttl');
  return checkLockOptions(ttl, options);
}

/** @throws ConfigError */
export function checkSemaphoreOptions(options: SemaphoreOptions): HoldTerms & { readonly permits: number } {
  checkKnown('semaphore', options, [...HOLD_OPTIONS, 'permits', 'ttl']);
  const { permits, ttl, ...hold } = options;
  checkTtl(ttl, 'semaphore.ttl');
  return {
    ...checkLockOptions(ttl, hold),
    permits: checkInteger('semaphore.permits', permits, { min: 1, max: MAX_PERMITS }),
  };
}

/** @throws ConfigError for a weight that could never be had, too */
export function checkWeight(options: SemaphoreAcquireOptions | undefined, permits: number): number {
  if (options?.weight === undefined) return 1;
  return checkInteger('acquire.weight', options.weight, { min: 1, max: permits });
}
