import type { RedisManager } from '../../client/manager.js';
import { checkText } from '../../core/check.js';
import { Emitter, type Unsubscribe } from '../../core/emitter.js';
import type { Acquirer } from '../acquirer.js';
import type { LockTerms } from '../lock-terms.js';
import { acquirerOf, planLocks } from '../plan.js';
import type { LockQuorum } from '../quorum/lock-quorum.js';
import { withoutWrongType } from '../wrong-type.js';
import { Campaign } from './campaign.js';
import type { LeaderEvents, LeaderInfo } from './leader-events.js';
import {
  checkElectorOptions,
  checkObserveOptions,
  type LeaderElectorOptions,
  type ObserveOptions,
  type ObserveTerms,
} from './leader-options.js';
import { observation } from './observation.js';

/**
 * One of several processes leads: each has an elector of the same key, and at most one of them is elected at a time.
 *
 * The office is the lock of that key (`DistributedLock`), held for as long as the leader lives; what a lock guarantees
 * and what it does not is true of it, too (`LockGuard`, and for a quorum `LockQuorum`). A term is the fence of that lock:
 * it rises with every election, so whatever the leader writes elsewhere can be guarded by it. A term lasts at most 24
 * days; a leader that vanished is followed within `ttl`, one that resigns or stops at once.
 *
 * Work of a term should end with `signal`. It aborts when the office is lost, and also before it is given up.
 *
 * Cost: as for a lock that is held: a renewal each third of `ttl`. A candidate that waits asks about once a minute, and
 * together with all others once per lease; over a quorum, where nobody is told anything, every 5 to 150 ms.
 *
 * @example
 * await using elector = new LeaderElector(manager, 'scheduler', { metadata: { host: hostname() } });
 * elector.on('elected', (guard) => void runJobs({ term: guard.fence, signal: elector.signal }));
 * elector.start();
 */
export class LeaderElector implements AsyncDisposable {
  readonly key: string;
  readonly #terms: LockTerms;
  readonly #acquirer: Acquirer;
  readonly #events = new Emitter<LeaderEvents>();
  readonly #observations = new Set<AbortController>();
  #campaign: Campaign | undefined;
  #lastTerm = 0n;

  /** @throws ConfigError `RU_CONFIG`. Cost: none; nothing is sent. */
  constructor(manager: RedisManager | LockQuorum, key: string, options?: LeaderElectorOptions) {
    this.key = checkText('leader.key', key);
    const hold = checkElectorOptions(options);
    manager.requireAtMostOnce('LeaderElector');
    const locks = planLocks(manager, [key], { hold, events: new Emitter(), prefix: options?.prefix });
    this.#terms = locks[0] as LockTerms;
    this.#acquirer = acquirerOf(manager, locks);
    this.#events.on('elected', ({ fence }) => (this.#lastTerm = fence));
  }

  /** Whether it leads now. Looks at the clock. */
  get isLeader(): boolean {
    return this.#campaign?.term?.signal.aborted === false;
  }

  /** The term in which it leads, or led last; 0 when it has never led. */
  get term(): bigint {
    return this.#lastTerm;
  }

  /** Aborts at the end of the present term, with a LockLostError as its reason; undefined while it does not lead. */
  get signal(): AbortSignal | undefined {
    return this.isLeader ? this.#campaign?.term?.signal : undefined;
  }

  /**
   * Campaigns until `stop`: leads as soon as it can, and again after it has lost the office. Does nothing where it does
   * already. Failures are told by `'error'`. It ends by itself when the manager closes.
   */
  start(): void {
    if (this.#campaign !== undefined) return;
    const campaign = new Campaign(this.#terms, this.#acquirer, this.#events);
    this.#campaign = campaign;
    void campaign.ended.then(() => {
      if (this.#campaign === campaign) this.#campaign = undefined;
    });
  }

  /**
   * Ends the campaign, gives the office up, and ends what observes through this object. Never rejects; takes at most as
   * long as a lease that the server cannot be told about. It may be started again.
   */
  async stop(): Promise<void> {
    for (const ending of this.#observations) ending.abort();
    const campaign = this.#campaign;
    this.#campaign = undefined;
    await campaign?.stop();
  }

  /**
   * Gives the office up, if it has it, so that another may be elected: who waits in the queue is at once. It campaigns
   * again after a second, or after `ttl` where that is shorter. Never rejects.
   */
  async resign(): Promise<void> {
    await this.#campaign?.term?.resign();
  }

  /** Listens for an event; returns what removes the listener. */
  on<E extends keyof LeaderEvents>(event: E, listener: (payload: LeaderEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  /**
   * Who leads: at first, and whenever that has changed; undefined while nobody does. Needs no `start`. It looks at an
   * interval and when the leader's lease ends, so short terms between two looks are not seen. Over a quorum it is who
   * has the votes of a majority. Failures are told by `'error'`, and it looks again; a leader is then believed to lead
   * until the end of the lease that was seen last. It ends with its signal, with `stop`, and when the manager closes.
   *
   * Cost: 1 round trip per look.
   * @throws ConfigError
   */
  observe(options?: ObserveOptions): AsyncIterable<LeaderInfo | undefined> {
    const terms = checkObserveOptions(options);
    return { [Symbol.asyncIterator]: () => this.#observe(terms) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #observe({ signal, intervalMs }: ObserveTerms): AsyncIterator<LeaderInfo | undefined, void, void> {
    const terms = this.#terms;
    const ending = new AbortController();
    const end = (): void => {
      ending.abort();
      this.#observations.delete(ending);
      signal?.removeEventListener('abort', end);
    };
    const looks = observation({
      clock: terms.keeper.clock,
      intervalMs,
      signal: ending.signal,
      look: async () => {
        try {
          return await terms.tenure(terms.hash);
        } catch (error) {
          throw withoutWrongType(terms.hash, error);
        }
      },
      report: (error) => this.#events.emit('error', { source: 'observe', error }),
    });
    this.#observations.add(ending);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    return {
      next: async () => {
        const result = await looks.next();
        if (result.done === true) end();
        return result;
      },
      // what waits for the next change does not keep it
      return: () => {
        end();
        return looks.return();
      },
    };
  }
}
