import type { LockLostError } from '../errors.js';
import type { LockGuard } from '../lock-guard.js';

/** What `elector.on(...)` tells of. */
export interface LeaderEvents {
  /** This candidate leads from now on; the guard is that of its term. */
  elected: LockGuard;
  /** It does not lead any more, and has not given the office up by itself. */
  lost: LockLostError;
  /** A failure in the background, once for each series: it goes on trying. */
  error: { readonly source: 'campaign' | 'observe'; readonly error: unknown };
}

/** Who leads. Times are the server's, at the moment it was asked. */
export interface LeaderInfo {
  /** Rises with every election. */
  readonly term: bigint;
  /** What the leader says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Until its lease ends, if it is not renewed. */
  readonly remainingMs: number;
  /** Since it was elected, as its term tells: 0 where the server's clock has been set back since. */
  readonly heldMs: number;
}
