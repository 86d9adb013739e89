import { checkFunction, wrong } from '../core/check.js';
import type { Emitter } from '../core/emitter.js';
import type { Acquirer } from './acquirer.js';
import { LockLostError } from './errors.js';
import type { LockEvents } from './events.js';
import type { ReleaseResult } from './keeper.js';
import type { LockGuard } from './lock-guard.js';
import { type AcquireOptions, checkPatience, type Patience } from './options.js';
import { tracedLock } from './trace.js';

/** @internal How one call comes to hold it. */
export interface Request {
  readonly acquirer: Acquirer;
  readonly patience: Patience;
}

/**
 * What all locks can do: a `DistributedLock`, either side of a `DistributedReadWriteLock`, a `DistributedSemaphore`. To be
 * free means for a side that it fits beside those who hold the lock, and for a semaphore that so many permits are left.
 */
export class Lockable<O extends AcquireOptions = AcquireOptions> {
  /** As it was given; several keys are joined by commas. */
  readonly key: string;
  readonly #acquirer: Acquirer;
  readonly #events: Emitter<LockEvents>;

  /** @internal */
  constructor(key: string, acquirer: Acquirer, events: Emitter<LockEvents>) {
    this.key = key;
    this.#acquirer = acquirer;
    this.#events = events;
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
   * Cost: 1 round trip when free. Else 1 to stand in the queue, and nothing until the lock is handed over, except about
   * one look per lease for all who wait together.
   */
  acquire(options?: O): Promise<LockGuard> {
    return tracedLock('acquire', this.key, () => {
      const { acquirer, patience } = this.request(options);
      return acquirer.granted(patience);
    });
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
  tryAcquire(options?: O): Promise<LockGuard | undefined> {
    return tracedLock('tryAcquire', this.key, () => {
      const { acquirer, patience } = this.request(options);
      return acquirer.once(patience);
    });
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
  async run<T>(fn: (guard: LockGuard) => T | Promise<T>, options?: O): Promise<T> {
    checkFunction('run.fn', fn);
    const { acquirer, patience } = this.request(options);
    const guard = await tracedLock('acquire', this.key, () => acquirer.granted(patience));
    let result: T;
    try {
      result = await acquirer.holding(guard, () => fn(guard));
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

  /** Listens for an event of the guards that are acquired through this object; returns what removes the listener. */
  on<E extends keyof LockEvents>(event: E, listener: (payload: LockEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** @internal @throws ConfigError */
  protected request(options: O | undefined): Request {
    return { acquirer: this.#acquirer, patience: checkPatience(options) };
  }
}
