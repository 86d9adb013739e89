import type { RedisManager } from '../../client/manager.js';
import { Emitter } from '../../core/emitter.js';
import type { LockEvents } from '../events.js';
import type { ForceReleaseOptions } from '../force-release.js';
import { Lockable, type Request } from '../lockable.js';
import type { LeaseTerms } from '../lock-terms.js';
import { checkPatience } from '../options.js';
import { OneLock } from '../waiting/one-lock.js';
import type { PermitsInfo } from './permits-info.js';
import { Pool } from './pool.js';
import {
  checkSemaphoreOptions,
  checkWeight,
  SEMAPHORE_ACQUIRE_OPTIONS,
  type SemaphoreAcquireOptions,
  type SemaphoreOptions,
} from './pool-options.js';

/**
 * Permits that processes share through one Redis or Valkey server: no more of them are held at once than there are. Each
 * holder has a lease of its own, renewed while it is held, and a fence of its own, which rises with every grant of the
 * key. The permits of a holder that vanished come back when its lease ends.
 *
 * Guarantee: as `LockGuard` says, for the sum of what is held in place of the one holder: for as long as one server keeps
 * its data and its clock runs evenly, the weights of all guards that are held are at most `permits`. Processes that give
 * different `permits` are not an error: each request is granted if what is held is then at most what its own process
 * says. So a rolling deployment may change the number; held permits are not taken back.
 *
 * Who waits stands in one queue: first come, first served. A request for many permits that is first is waited for: what
 * comes back is kept for it, and smaller ones behind it wait, so that they cannot starve it. `order: 'barge'` takes what is
 * free although others wait. One that has died while it waited is passed over when a lease may have ended, or when its
 * turn comes; in a cluster, where it cannot be seen, when its turn or its time is over. A holder that asks again asks for more permits; two that each hold what the other waits for
 * wait for their `timeout`.
 *
 * There is no semaphore over a `LockQuorum`: majorities of servers overlap in one server, which is enough to keep two
 * holders apart and not to count them. With 2 permits on each of three servers, three holders may each have two servers
 * (1 and 3, 1 and 2, 2 and 3) while no server has given more than 2.
 *
 * Cost: as for `DistributedLock`; one release may hand over to several who wait, with a message to each.
 *
 * Source of the protocol: that of `DistributedLock`, with a lease per holder in one hash.
 *
 * @example
 * const uploads = new DistributedSemaphore(manager, 'uploads', { permits: 10, ttl: '30s' });
 * await uploads.run(() => upload(file), { weight: 3 });
 */
export class DistributedSemaphore extends Lockable<SemaphoreAcquireOptions> {
  readonly permits: number;
  readonly #pool: Pool;
  /** Comes to hold one permit. */
  readonly #one: OneLock<LeaseTerms>;

  /**
   * @throws ConfigError `RU_CONFIG`, also for a manager whose client sends again what may have run (`capabilities`)
   *
   * Cost: none; nothing is sent.
   */
  constructor(manager: RedisManager, key: string, options: SemaphoreOptions) {
    const { permits, ...hold } = checkSemaphoreOptions(options);
    manager.requireAtMostOnce('DistributedSemaphore');
    const pool = new Pool(manager, { module: 'semaphore', key, hold, prefix: options.prefix });
    const events = new Emitter<LockEvents>();
    const one = new OneLock(pool.part(`1/${permits}`, events));
    super(key, one, events);
    this.permits = permits;
    this.#pool = pool;
    this.#one = one;
  }

  /**
   * Who holds permits and who waits for them; undefined when nobody holds any.
   * @throws ConfigError when the key holds something that is no semaphore · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip, longer with the number of holders and waiters.
   */
  inspect(): Promise<PermitsInfo | undefined> {
    return this.#pool.inspect();
  }

  /**
   * Takes the permits from all who hold any, and gives them to those who wait. The holders are told by push: their signals
   * abort with the reason `forced`. Not promised: that they have stopped their work by then.
   *
   * @returns whether somebody held any
   * @throws ConfigError · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  forceRelease(options: ForceReleaseOptions): Promise<boolean> {
    return this.#pool.forceRelease(options);
  }

  /** @internal */
  protected override request(options: SemaphoreAcquireOptions | undefined): Request {
    const patience = checkPatience(options, SEMAPHORE_ACQUIRE_OPTIONS);
    const weight = checkWeight(options, this.permits);
    if (weight === 1) return { acquirer: this.#one, patience };
    return { acquirer: new OneLock({ ...this.#one.terms, shape: `${weight}/${this.permits}` }), patience };
  }
}
