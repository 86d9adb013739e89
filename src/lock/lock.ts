import type { RedisManager } from '../client/manager.js';
import { checkFunction, checkText, wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { Acquisition } from './waiting/acquisition.js';
import { lockRun } from './calls/lock-script.js';
import { LockLostError } from './errors.js';
import { Keeper, type ReleaseResult } from './keeper.js';
import type { LockGuard } from './lock-guard.js';
import type { LockTerms } from './lock-terms.js';
import { type AcquireOptions, checkLockOptions, checkPatience, type LockOptions } from './options.js';

/**
 * A lock that processes share through one Redis or Valkey server: a lease with a fence, renewed while it is held.
 *
 * What holding it means, and what it does not, is said at `LockGuard`. Waiting is fair to nobody: waiters ask again
 * after 5 to 150 ms, and right after the holder's lease ends. A lock is not re-entrant: a holder that acquires it again
 * waits for itself.
 *
 * Calls of one tick on one manager, of whatever locks, travel in one command of at most 128: what is called a round trip
 * here and at `LockGuard` is shared by them.
 *
 * Source of the protocol: the single-server lock of the Redis documentation, with the lease end as a field compared with
 * the server's time, a fence made by the granting script, and acquisition that is idempotent by its token.
 *
 * @example
 * const lock = new DistributedLock(manager, 'invoice:42', '30s');
 * await using guard = await lock.acquire({ timeout: '5s' });
 * await charge({ fence: guard.fence, signal: guard.signal });
 */
export class DistributedLock {
  readonly key: string;
  readonly #terms: LockTerms;

  /**
   * @param ttl how long the lock outlives a holder that vanished: 10 ms to 1 d
   * @throws ConfigError `RU_CONFIG`, also for a manager whose client sends again what may have run (`capabilities`)
   *
   * Cost: none; nothing is sent.
   */
  constructor(manager: RedisManager, key: string, ttl: Duration, options?: LockOptions) {
    this.key = checkText('lock.key', key);
    const terms = checkLockOptions(ttl, options);
    manager.requireAtMostOnce('DistributedLock');
    const hash = manager.keySpace('lock', options?.prefix).key(key);
    const keeper = Keeper.of(manager);
    this.#terms = { ...terms, keeper, authority: keeper.calls(lockRun), shape: '', key, hash };
  }

  /**
   * Waits until the lock is free and takes it. Connections that are lost meanwhile are waited out too.
   *
   * @throws LockTimeoutError `RU_LOCK_TIMEOUT` when others held it for all of `timeout`
   * @throws ConnectionError, TimeoutError when the server could not be asked until `timeout`; ClosedError at once
   * @throws ConfigError `RU_CONFIG` for a wrong option, or when the key holds something that is no lock
   * @throws ServerError `RU_SERVER` when the server refuses the command
   * @throws `signal.reason` when the signal aborts. After any of these nothing is held: what may have been granted
   * unseen is given back in the background.
   *
   * Cost: 1 round trip when free, else one per retry.
   */
  acquire(options?: AcquireOptions): Promise<LockGuard> {
    try {
      return new Acquisition(this.#terms, checkPatience(options)).granted();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the lock if it is free. Never waits for another holder.
   *
   * @returns the guard, or `undefined` when another holds the lock, or when the answer came so late that less than
   * half of the lease was left
   * @throws as `acquire`, except LockTimeoutError; a lost connection is not waited out
   *
   * Cost: 1 round trip.
   */
  tryAcquire(options?: AcquireOptions): Promise<LockGuard | undefined> {
    try {
      return new Acquisition(this.#terms, checkPatience(options)).once();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** `guard.release()`. @throws ConfigError when the guard is not one of this key */
  release(guard: LockGuard): Promise<ReleaseResult> {
    if (guard?.key === this.key) return guard.release();
    return Promise.reject(wrong('guard', `a guard of the lock '${this.key}'`, guard));
  }

  /**
   * Runs `fn` while holding the lock, and releases it in any case.
   *
   * @returns what `fn` returned, if the lock was held until `fn` settled
   * @throws LockLostError `RU_LOCK_LOST` if it was not; what `fn` itself threw is then the `cause`
   * @throws whatever `fn` throws while the lock is held, never replaced by a failure of the release
   * @throws as `acquire`
   *
   * Cost: `acquire` and 1 round trip.
   */
  async run<T>(fn: (guard: LockGuard) => T | Promise<T>, options?: AcquireOptions): Promise<T> {
    checkFunction('run.fn', fn);
    const guard = await new Acquisition(this.#terms, checkPatience(options)).granted();
    let result: T;
    try {
      result = await fn(guard);
    } catch (error) {
      const loss = guard.loss;
      await guard.release();
      if (loss === undefined || loss === error) throw error;
      throw new LockLostError({ key: guard.key, fence: guard.fence, reason: loss.reason, cause: error });
    }
    const loss = guard.loss;
    const { status } = await guard.release();
    if (loss !== undefined) throw loss;
    // lost on the server without our notice, as by a flush
    if (status === 'expired' || status === 'stolen') {
      throw new LockLostError({ key: guard.key, fence: guard.fence, reason: status });
    }
    return result;
  }
}
