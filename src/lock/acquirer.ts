import type { LockLostError } from './errors.js';
import type { LockGuard } from './lock-guard.js';
import type { Patience } from './options.js';

/** A guard, as this library itself sees it. */
export interface OwnGuard extends LockGuard {
  /** How it was lost, if it was. Looks at the clock. */
  readonly loss: LockLostError | undefined;
}

/** A way to come to hold something. */
export interface Acquirer {
  /** Waits for it. @throws LockTimeoutError and whatever else `acquire` does */
  granted(patience: Patience): Promise<OwnGuard>;
  /** Undefined: others hold it. */
  once(patience: Patience): Promise<OwnGuard | undefined>;
  /** Runs a function on behalf of the holder. */
  holding<T>(guard: OwnGuard, fn: () => T): T;
}
