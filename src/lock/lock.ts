import type { RedisManager } from '../client/manager.js';
import { checkFunction, checkKnown, checkText, wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { Acquisition } from './waiting/acquisition.js';
import { lockExec } from './calls/exec-script.js';
import { lockInspect } from './calls/inspect-script.js';
import { lockRun } from './calls/lock-script.js';
import type { LockEvents } from './events.js';
import type { LockInfo } from './lock-info.js';
import { tracedLock } from './trace.js';
import { admissionTo } from './safety/admission.js';
import { withoutWrongType } from './wrong-type.js';
import { Emitter } from '../core/emitter.js';
import { LockLostError } from './errors.js';
import { Keeper, type ReleaseResult } from './keeper.js';
import type { LockGuard } from './lock-guard.js';
import type { LockTerms } from './lock-terms.js';
import { type AcquireOptions, checkLockOptions, checkPatience, type LockOptions } from './options.js';

/**
 * A lock that processes share through one Redis or Valkey server: a lease with a fence, renewed while it is held.
 *
 * What holding it means, and what it does not, is said at `LockGuard`. Who waits stands in a queue at the server: first
 * come, first served, over all processes. A release hands the lock to the first who can be told, in the same step, and
 * tells no other; one that has died is passed over, and one that does not answer holds up the others for a second. Who
 * is not told, because messages got lost, looks for himself when the lease ends. Where messages are not allowed at all
 * (`SUBSCRIBE`), waiters ask again after 5 to 150 ms, in no order. A lock is not re-entrant: a holder that acquires it
 * again waits for itself.
 *
 * Calls of one tick on one manager, of whatever locks, travel in one command of at most 128: what is called a round trip
 * here and at `LockGuard` is shared by them.
 *
 * Source of the protocol: the single-server lock of the Redis documentation, with the lease end as a field compared with
 * the server's time, a fence made by the granting script, and acquisition that is idempotent by its token; the queue is
 * that of Mellor-Crummey and Scott's queue locks, where ownership is passed on and not contended for.
 *
 * @example
 * const lock = new DistributedLock(manager, 'invoice:42', '30s');
 * await using guard = await lock.acquire({ timeout: '5s' });
 * await charge({ fence: guard.fence, signal: guard.signal });
 */
export class DistributedLock {
  readonly key: string;
  readonly #manager: RedisManager;
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
    const space = manager.keySpace('lock', options?.prefix);
    const hash = space.key(key);
    const admission = admissionTo(manager, space.root, terms);
    this.#manager = manager;
    const keeper = Keeper.of(manager);
    const exec = manager.script(lockExec);
    const authority = keeper.calls(lockRun, terms.replicas);
    this.#terms = { ...terms, keeper, authority, exec, events: new Emitter(), admission, shape: '', key, hash };
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
  acquire(options?: AcquireOptions): Promise<LockGuard> {
    return tracedLock('acquire', this.key, () => new Acquisition(this.#terms, checkPatience(options)).granted());
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
    return tracedLock('tryAcquire', this.key, () => new Acquisition(this.#terms, checkPatience(options)).once());
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
    const patience = checkPatience(options);
    const guard = await tracedLock('acquire', this.key, () => new Acquisition(this.#terms, patience).granted());
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

  /**
   * Who holds the lock and who waits for it; undefined when nobody holds it.
   * @throws ConfigError when the key holds something that is no lock · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  async inspect(): Promise<LockInfo | undefined> {
    const { hash } = this.#terms;
    try {
      return await this.#manager.script(lockInspect).run([hash], []);
    } catch (error) {
      throw withoutWrongType(hash, error);
    }
  }

  /**
   * Takes the lock from whoever holds it, and gives it to the first who waits. The holder is told by push: its signal
   * aborts with the reason `forced`. Not promised: that it has stopped its work by then, as ever when a lock is lost.
   *
   * @param options.reason why, for the holder's eyes: text of 1 to 200 characters
   * @returns whether somebody held it
   * @throws ConfigError · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  forceRelease(options: { readonly reason: string }): Promise<boolean> {
    return tracedLock('forceRelease', this.key, async () => {
      checkKnown('forceRelease', options, ['reason']);
      const reason = checkText('forceRelease.reason', options.reason);
      if (reason.length > MAX_REASON)
        throw wrong('forceRelease.reason', `at most ${MAX_REASON} characters`, reason.length);
      const { keeper, hash } = this.#terms;
      try {
        return (await keeper.calls(lockRun).force(hash, reason)).standing === 'held';
      } catch (error) {
        throw withoutWrongType(hash, error);
      }
    });
  }

  /** Listens for an event of the guards that are acquired through this object; returns what removes the listener. */
  on<E extends keyof LockEvents>(event: E, listener: (payload: LockEvents[E]) => void): () => void {
    return this.#terms.events.on(event, listener);
  }
}

const MAX_REASON = 200;
