import type { CommandArg } from '../client/calls/command.js';
import type { Emitter } from '../core/emitter.js';
import type { Script } from '../client/script.js';
import type { Authority, Hold } from './calls/authority.js';
import type { ExecReply } from './calls/exec-script.js';
import type { LockEvents } from './events.js';
import type { Admission } from './safety/admission.js';
import type { Succession } from './succession.js';
import type { Keeper } from './keeper.js';
import type { HoldTerms } from './options.js';

/** All that one `DistributedLock` says about itself, checked: shared by its acquisitions and guards. */
export interface LockTerms extends HoldTerms, Hold {
  readonly keeper: Keeper;
  readonly authority: Authority;
  /** Runs commands while a token holds the lock; undefined where that cannot be one step. */
  readonly exec: Script<readonly CommandArg[], ExecReply> | undefined;
  readonly events: Emitter<LockEvents>;
  /** With whom in this process it is shared, if with anybody. */
  readonly succession: Succession | undefined;
  /** What must be so before anything may be granted. */
  readonly admission: Admission | undefined;
  /** The lock's key as the user wrote it. */
  readonly key: string;
  /** The Redis key of the lock. */
  readonly hash: string;
}
