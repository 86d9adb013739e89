import type { Duration } from '../core/duration.js';
import type { FencedTransaction } from './fenced-transaction.js';
import type { ReleaseResult } from './keeper.js';

/**
 * A lock that was acquired: proof of exclusive use of one key while `state` is `held` or `suspect`. Where others may hold
 * it, too, it is proof of as much as was asked for: permits of a `DistributedSemaphore`, or that nobody writes.
 *
 * Guarantee: for as long as one server keeps its data and its clock runs evenly, no two guards of one key are held at
 * the same time, by each holder's own clock. The lease ends here before it ends on the server (by 1 % and 2 to 50 ms).
 * Not guaranteed: exclusion across a failover or a restart that loses writes, or against a server clock that is stepped
 * forward; and no lock can stop work that goes on after its lease. Where that matters, hand `fence` to whatever is
 * protected and have it refuse lower ones.
 *
 * `state`, `remainingMs`, `assertHeld()` and `signal.aborted` look at the clock themselves, so they are right even
 * directly after the event loop stood still.
 */
export interface LockGuard extends AsyncDisposable {
  /** The lock's key, as it was given to `DistributedLock`. */
  readonly key: string;
  /** What the server knows this holder by; 128 random bits in base64url. */
  readonly token: string;
  /**
   * Rises with every acquisition of this key. The server makes it: the larger of its last fence plus one and its time
   * in microseconds, so it rises across a loss of all data as long as the server's clock is not behind the last fence.
   */
  readonly fence: bigint;
  /**
   * Aborts when the lock is lost, with a `LockLostError` as the reason: at the local deadline at the latest, or as soon
   * as the event loop turns after that. Never aborts because of `release()`.
   */
  readonly signal: AbortSignal;
  /** How long the lease can still be relied on without another renewal, in ms; 0 when lost or released. */
  readonly remainingMs: number;
  /** `suspect`: still held, but half of the lease has passed without a renewal being confirmed. */
  readonly state: 'held' | 'suspect' | 'lost' | 'released';
  /**
   * Returns if the lock is held, for at least `minMs` more when given.
   * @throws LockLostError `RU_LOCK_LOST`
   */
  assertHeld(minMs?: number): void;
  /**
   * Makes the lease last at least `ttl` (10 ms to 1 d, default the lock's) from now; never shortens it, never revives it.
   * @throws LockLostError `RU_LOCK_LOST` when the lease has ended, here or on the server
   * @throws ConnectionError, TimeoutError when there was no answer; the lock is then held for as long as before
   *
   * Cost: 1 round trip.
   */
  extend(ttl?: Duration): Promise<void>;
  /**
   * Asks the server. `false` means lost, now also here, or released.
   * @throws ConnectionError, TimeoutError when there was no answer
   *
   * Cost: 1 round trip, none when already lost or released.
   */
  verify(): Promise<boolean>;
  /**
   * Writes to Redis only while the lock is held: the server looks at the lock and runs the commands in one step, so that
   * nothing is written after the lease, however long this process or the network stood still. They run in their order,
   * up to the first that fails; nothing undoes those before it. At most once.
   *
   * @param commands queues what is to run, synchronously
   * @returns each command's reply, in RESP2 shapes
   * @throws LockLostError `RU_LOCK_LOST`: nothing was written · ServerError of the first command that failed ·
   *         ConnectionError, TimeoutError with `outcome` · ConfigError for a command that cannot run in a script, and for a
   *         guard that is not a `DistributedLock`'s of one server
   * Cost: 1 round trip.
   */
  exec(commands: (tx: FencedTransaction) => void): Promise<unknown[]>;
  /**
   * Gives the lock back. May be called any number of times; never rejects. A lock that is known to be lost is not waited
   * for. Cost: 1 round trip.
   */
  release(): Promise<ReleaseResult>;
  /** `release()`, for `await using`. Never rejects. */
  [Symbol.asyncDispose](): Promise<void>;
}
