import type { RedisManager } from '../client/manager.js';
import { lockExec } from './calls/exec-script.js';
import { lockInspect } from './calls/inspect-script.js';
import { LockCalls, type RunBatch } from './calls/lock-calls.js';
import { type Replicas, replicated } from './calls/replicated.js';
import type { RunScript } from './calls/run-script.js';
import { lockTenure } from './calls/tenure-script.js';
import { Keeper } from './keeper.js';
import { permitsInspect } from './permits/inspect-script.js';

/** The keeper of one manager, and its calls to the server. */
export class ServerKeeper extends Keeper {
  static readonly #keepers = new WeakMap<RedisManager, ServerKeeper>();

  /** Bound once, because that takes a digest of each. */
  readonly scripts;
  readonly #manager: RedisManager;
  readonly #calls = new Map<string, LockCalls>();

  private constructor(manager: RedisManager) {
    super(manager);
    this.#manager = manager;
    this.scripts = {
      exec: manager.script(lockExec),
      inspect: manager.script(lockInspect),
      tenure: manager.script(lockTenure),
      holders: manager.script(permitsInspect),
    };
  }

  static of(manager: RedisManager): ServerKeeper {
    let keeper = ServerKeeper.#keepers.get(manager);
    if (keeper === undefined) ServerKeeper.#keepers.set(manager, (keeper = new ServerKeeper(manager)));
    return keeper;
  }

  /**
   * The calls that a script decides, all of one tick together.
   * @param replicas who must have heard of what they wrote
   */
  calls(script: RunScript, replicas?: Replicas): LockCalls {
    const name = replicas === undefined ? script.name : `${script.name} ${replicas.count} ${replicas.timeoutMs}`;
    let calls = this.#calls.get(name);
    if (calls === undefined) {
      const run = replicas === undefined ? plain(this.#manager, script) : replicated(this.#manager, script, replicas);
      this.#calls.set(name, (calls = new LockCalls(this.#manager, { script, run, inbox: this.inbox.channel })));
    }
    return calls;
  }

  protected override async close(): Promise<void> {
    await super.close();
    for (const calls of this.#calls.values()) calls.close();
  }
}

/** Batches as they are, on the connection that all share. */
export function plain(manager: RedisManager, script: RunScript): RunBatch {
  const bound = manager.script(script);
  return (keys, args, options) => bound.run(keys, args, options);
}
