import type { LockLostError } from './errors.js';
import type { LockGuard } from './lock-guard.js';

/** What `lock.on(...)` tells of, for the guards of this object. */
export interface LockEvents {
  acquired: LockGuard;
  /** Once per guard, when it finds out. */
  lost: LockLostError;
  /** The guard was given back, whatever the server says to it. */
  released: LockGuard;
}
