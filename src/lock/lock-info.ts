/** Who holds a lock, and who waits for it. Times are the server's, at the moment it was asked. */
export interface LockInfo {
  /** What the holder says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly fence: bigint;
  /** Until its lease ends, if it is not renewed. */
  readonly remainingMs: number;
  /** Since it was granted, as its fence tells: 0 where the server's clock has been set back since. */
  readonly heldMs: number;
  /** In the order in which they will get it. */
  readonly waiters: readonly LockWaiter[];
}

/** One who waits for a lock. */
export interface LockWaiter {
  readonly metadata: Readonly<Record<string, string>>;
  readonly waitingMs: number;
}
