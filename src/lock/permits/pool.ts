import type { RedisManager } from '../../client/manager.js';
import { checkText, wrong } from '../../core/check.js';
import type { Emitter } from '../../core/emitter.js';
import type { LockCalls } from '../calls/lock-calls.js';
import type { LockEvents } from '../events.js';
import { type ForceReleaseOptions, releaseByForce } from '../force-release.js';
import type { LeaseTerms } from '../lock-terms.js';
import type { HoldTerms } from '../options.js';
import { LockQuorum } from '../quorum/lock-quorum.js';
import { admissionTo } from '../safety/admission.js';
import { ServerKeeper } from '../server-keeper.js';
import { namingItsKey } from '../wrong-type.js';
import type { PermitsInfo } from './permits-info.js';
import { permitsRun } from './permits-script.js';

export interface PoolPlan {
  /** Also what errors begin with. */
  readonly module: 'semaphore' | 'rwlock';
  readonly key: string;
  readonly hold: HoldTerms;
  readonly prefix: string | undefined;
}

/** What several may hold at once, at its server. */
export class Pool {
  readonly #key: string;
  readonly #hash: string;
  readonly #keeper: ServerKeeper;
  readonly #calls: LockCalls;
  readonly #terms: Omit<LeaseTerms, 'shape' | 'events'>;

  /** @throws ConfigError */
  constructor(manager: RedisManager, { module, key, hold, prefix }: PoolPlan) {
    if (manager instanceof LockQuorum) throw wrong(`${module}.manager`, 'one RedisManager and no quorum', 'LockQuorum');
    this.#key = checkText(`${module}.key`, key);
    this.#hash = manager.keySpace(module, prefix).key(key);
    this.#keeper = ServerKeeper.of(manager);
    this.#calls = this.#keeper.calls(permitsRun);
    this.#terms = {
      ...hold,
      keeper: this.#keeper,
      authority: this.#keeper.calls(permitsRun, hold.replicas),
      exec: undefined,
      admission: admissionTo(manager, manager.keySpace('lock', prefix).root, hold),
      succession: undefined,
      key,
      hash: this.#hash,
    };
  }

  /** How a part of it is held. @param shape in the words of the script */
  part(shape: string, events: Emitter<LockEvents>): LeaseTerms {
    return { ...this.#terms, shape, events };
  }

  inspect(): Promise<PermitsInfo | undefined> {
    return namingItsKey(this.#hash, this.#keeper.scripts.holders.run([this.#hash], []));
  }

  forceRelease(options: ForceReleaseOptions): Promise<boolean> {
    const force = async (hash: string, reason: string): Promise<boolean> =>
      (await this.#calls.force(hash, reason)).standing === 'held';
    return releaseByForce(this.#key, options, [{ hash: this.#hash, force }]);
  }
}
