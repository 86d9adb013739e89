import type { Emitter } from '../core/emitter.js';
import type { Hold } from './calls/authority.js';
import type { LockEvents } from './events.js';
import type { HoldTerms } from './options.js';
import type { LockPlace, Place } from './place.js';
import type { Succession } from './succession.js';

/** All that a lock of whatever kind says about itself, checked: shared by its acquisitions and guards. */
export interface LeaseTerms extends HoldTerms, Hold, Place {
  readonly events: Emitter<LockEvents>;
  /** With whom in this process it is shared, if with anybody. */
  readonly succession: Succession | undefined;
  /** The lock's key as the user wrote it. */
  readonly key: string;
  /** The Redis key of the lock. */
  readonly hash: string;
}

/** Of a `DistributedLock`, for each of its keys. */
export interface LockTerms extends LeaseTerms, LockPlace {}
