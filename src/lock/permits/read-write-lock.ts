import type { RedisManager } from '../../client/manager.js';
import type { Duration } from '../../core/duration.js';
import { Emitter } from '../../core/emitter.js';
import type { LockEvents } from '../events.js';
import type { ForceReleaseOptions } from '../force-release.js';
import { Lockable } from '../lockable.js';
import { OneLock } from '../waiting/one-lock.js';
import type { PermitsInfo } from './permits-info.js';
import { Pool } from './pool.js';
import { checkReadWriteOptions, type ReadWriteLockOptions } from './pool-options.js';

/**
 * A lock that many may hold to read, or one to write, shared by processes through one Redis or Valkey server. Each holder
 * has a lease of its own, so that a reader that vanished does not keep writers out because others go on reading; and a
 * fence of its own, which rises with every grant of the key, to readers and writers alike.
 *
 * Guarantee: as `LockGuard` says, with "no two guards are held at the same time" true of two of which one writes.
 *
 * Phase-fair: while a writer waits, readers that come later wait too; when a writer is done, all readers that wait at that
 * moment get the lock together, else the next writer; when the last of them is done, the writer who has waited longest.
 * So a reader waits for one writer at most, and a writer for the readers once between any two writers; neither can
 * starve the other. `order: 'barge'` takes the lock where it fits although others wait, which can starve them.
 *
 * Not re-entrant, and no upgrade: a reader that asks to write waits for itself. A writer need not ask to read; one that
 * wants to let others read has to release and ask anew.
 *
 * Only over one server, as `DistributedSemaphore` and for the same reason.
 *
 * Cost: as for `DistributedLock`; one release may hand over to many readers, with a message to each. The release of a
 * writer looks at all who wait, which takes the server one to two microseconds for each, and about ten for a reader.
 *
 * Source: "Reader-Writer Synchronization for Shared-Memory Multiprocessor Real-Time Systems" (Brandenburg and Anderson,
 * 2009), whose phase-fair lock this is, on the protocol of `DistributedLock`.
 *
 * @example
 * const catalogue = new DistributedReadWriteLock(manager, 'catalogue', '30s');
 * await catalogue.read.run(() => readPrices());
 * await catalogue.write.run((guard) => writePrices({ fence: guard.fence }));
 */
export class DistributedReadWriteLock {
  readonly key: string;
  /** Held by many at once, while nobody writes. */
  readonly read: Lockable;
  /** Held by one. */
  readonly write: Lockable;
  readonly #pool: Pool;

  /**
   * @param ttl how long a hold outlives its holder that vanished: 10 ms to 1 d
   * @throws ConfigError `RU_CONFIG`, also for a manager whose client sends again what may have run (`capabilities`)
   *
   * Cost: none; nothing is sent.
   */
  constructor(manager: RedisManager, key: string, ttl: Duration, options?: ReadWriteLockOptions) {
    const hold = checkReadWriteOptions(ttl, options);
    manager.requireAtMostOnce('DistributedReadWriteLock');
    this.#pool = new Pool(manager, { module: 'rwlock', key, hold, prefix: options?.prefix });
    this.key = key;
    this.read = this.#side('read');
    this.write = this.#side('write');
  }

  /**
   * Who holds the lock, whether to read or to write, and who waits for it; undefined when nobody holds it.
   * @throws ConfigError when the key holds something that is no such lock · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip, longer with the number of holders and waiters.
   */
  inspect(): Promise<PermitsInfo | undefined> {
    return this.#pool.inspect();
  }

  /**
   * Takes the lock from all who hold it, and gives it to those who wait. The holders are told by push: their signals abort
   * with the reason `forced`. Not promised: that they have stopped their work by then.
   *
   * @returns whether somebody held it
   * @throws ConfigError · ServerError, ConnectionError, TimeoutError
   * Cost: 1 round trip.
   */
  forceRelease(options: ForceReleaseOptions): Promise<boolean> {
    return this.#pool.forceRelease(options);
  }

  #side(shape: 'read' | 'write'): Lockable {
    const events = new Emitter<LockEvents>();
    return new Lockable(this.key, new OneLock(this.#pool.part(shape, events)), events);
  }
}
