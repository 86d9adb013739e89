import type { LockWaiter } from '../lock-info.js';

/** What of it is held: permits of a semaphore, or a read-write lock to read or to write. */
export type PermitMode = 'permits' | 'read' | 'write';

/** Who holds a semaphore or a read-write lock, and who waits for it. Times are the server's, when it was asked. */
export interface PermitsInfo {
  readonly mode: PermitMode;
  /** In the order in which they came to hold it. */
  readonly holders: readonly PermitHolder[];
  /** In the order in which they came. */
  readonly waiters: readonly PermitWaiter[];
}

export interface PermitHolder {
  /** What the holder says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How many permits it holds; 1 of a read-write lock. */
  readonly weight: number;
  readonly fence: bigint;
  /** Until its lease ends, if it is not renewed. */
  readonly remainingMs: number;
  /** Since it was granted, as its fence tells: 0 where the server's clock has been set back since. */
  readonly heldMs: number;
}

export interface PermitWaiter extends LockWaiter {
  readonly mode: PermitMode;
  readonly weight: number;
}
