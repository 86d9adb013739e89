import type { RedisManager } from '../client/manager.js';
import type { Duration } from '../core/duration.js';
import type { LockEvents } from './events.js';
import type { LockInfo } from './lock-info.js';
import { namingItsKey } from './wrong-type.js';
import { Emitter } from '../core/emitter.js';
import { type ForceReleaseOptions, releaseByForce } from './force-release.js';
import { Lockable } from './lockable.js';
import type { LockTerms } from './lock-terms.js';
import { checkKeys, checkLockOptions, type LockOptions } from './options.js';
import { acquirerOf, nameOf, planLocks } from './plan.js';
import type { LockQuorum } from './quorum/lock-quorum.js';

/**
 * A lock that processes share through one Redis or Valkey server: a lease with a fence, renewed while it is held.
 *
 * What holding it means, and what it does not, is said at `LockGuard`. Who waits stands in a queue at the server: first
 * come, first served, over all processes. A release hands the lock to the first who can be told, in the same step, and
 * wakes no other; one that has died is passed over, and one that does not answer holds up the others for a second. Who
 * is not told, because messages got lost, looks for himself when the lease ends. Where messages are not allowed at all
 * (`SUBSCRIBE`), waiters ask again after 5 to 150 ms, in no order. A lock is not re-entrant unless it is asked to be: a
 * holder that acquires it again waits for itself.
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
export class DistributedLock extends Lockable {
  readonly #locks: readonly LockTerms[];

  /**
   * @param key one, or several: all of them are held or none, and who waits for some waits in the order of their names, so
   *        that nobody waits in a circle. At most 100; the same key twice is one.
   * @param ttl how long the lock outlives a holder that vanished: 10 ms to 1 d
   * @throws ConfigError `RU_CONFIG`, also for a manager whose client sends again what may have run (`capabilities`)
   *
   * Cost: none; nothing is sent.
   */
  constructor(
    manager: RedisManager | LockQuorum,
    key: string | readonly string[],
    ttl: Duration,
    options?: LockOptions,
  ) {
    const keys = checkKeys(key);
    manager.requireAtMostOnce('DistributedLock');
    const events = new Emitter<LockEvents>();
    const locks = planLocks(manager, keys, { hold: checkLockOptions(ttl, options), events, prefix: options?.prefix });
    super(nameOf(locks), acquirerOf(manager, locks, options), events);
    this.#locks = locks;
  }

  /**
   * Who holds the lock and who waits for it; undefined when nobody holds it. Of several keys: the first that is held.
   * @throws ConfigError when the key holds something that is no lock · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  async inspect(): Promise<LockInfo | undefined> {
    const looks = this.#locks.map((lock) => namingItsKey(lock.hash, lock.inspect(lock.hash)));
    return (await Promise.all(looks)).find((info) => info !== undefined);
  }

  /**
   * Takes the lock from whoever holds it, and gives it to the first who waits; of several keys each. The holder is told by push: its signal
   * aborts with the reason `forced`. Not promised: that it has stopped its work by then, as ever when a lock is lost.
   *
   * @returns whether somebody held it
   * @throws ConfigError · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  forceRelease(options: ForceReleaseOptions): Promise<boolean> {
    return releaseByForce(this.key, options, this.#locks);
  }
}
