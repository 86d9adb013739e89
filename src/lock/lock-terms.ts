import type { Authority, Hold } from './calls/authority.js';
import type { Keeper } from './keeper.js';
import type { HoldTerms } from './options.js';

/** All that one `DistributedLock` says about itself, checked: shared by its acquisitions and guards. */
export interface LockTerms extends HoldTerms, Hold {
  readonly keeper: Keeper;
  readonly authority: Authority;
  /** The lock's key as the user wrote it. */
  readonly key: string;
  /** The Redis key of the lock. */
  readonly hash: string;
}
