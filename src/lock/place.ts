import type { CommandArg } from '../client/calls/command.js';
import type { Authority } from './calls/authority.js';
import type { ExecReply } from './calls/exec-script.js';
import type { Tenure } from './calls/tenure.js';
import type { Keeper } from './keeper.js';
import type { LockInfo } from './lock-info.js';
import type { Admission } from './safety/admission.js';

/** Where something is held: at one server, or at a quorum of them. */
export interface Place {
  readonly keeper: Keeper;
  readonly authority: Authority;
  /** Runs commands while a token holds the lock; undefined where that cannot be one step. */
  readonly exec: Exec | undefined;
  /** What must be so before anything may be granted. */
  readonly admission: Admission | undefined;
}

/** Where locks are, which one holds at a time. */
export interface LockPlace extends Place {
  /** Who holds it, and who waits for it. */
  inspect(hash: string): Promise<LockInfo | undefined>;
  /** Who holds it. */
  tenure(hash: string): Promise<Tenure | undefined>;
  /** Takes it from whoever holds it. @returns whether somebody did */
  force(hash: string, reason: string): Promise<boolean>;
}

export type Exec = (keys: readonly string[], args: readonly CommandArg[], timeoutMs: number) => Promise<ExecReply>;
