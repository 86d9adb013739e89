import type { RedisManager } from '../../client/manager.js';
import { LockCalls } from '../calls/lock-calls.js';
import { lockRun } from '../calls/lock-script.js';
import type { Tenure } from '../calls/tenure.js';
import { lockTenure } from '../calls/tenure-script.js';
import { plain } from '../server-keeper.js';
import { RestartGuard } from './restart-guard.js';

/** One server of a quorum. */
export class QuorumMember {
  /** Past the restart guard: for what takes votes back. */
  readonly calls: LockCalls;
  readonly #tenure;
  readonly #guard: RestartGuard | undefined;

  /** @param maxLeaseMs undefined: votes count however short the server has been running */
  constructor(manager: RedisManager, maxLeaseMs: number | undefined) {
    // nobody waits in a queue of one of many servers, so nobody is told anything
    this.calls = new LockCalls(manager, { script: lockRun, run: plain(manager, lockRun), inbox: '' });
    this.#tenure = manager.script(lockTenure);
    this.#guard = maxLeaseMs === undefined ? undefined : new RestartGuard(manager, maxLeaseMs);
  }

  /** Asks for a vote. @throws LockServerRestartedError while its votes do not count */
  vote<T>(timeoutMs: number, ask: (calls: LockCalls) => Promise<T>): Promise<T> {
    return this.#guard === undefined ? ask(this.calls) : this.#guard.trusted(timeoutMs, () => ask(this.calls));
  }

  /** Whose its vote is. */
  tenure(hash: string, timeoutMs: number): Promise<Tenure | undefined> {
    return this.vote(timeoutMs, () => this.#tenure.run([hash], [], { timeout: timeoutMs }));
  }
}
