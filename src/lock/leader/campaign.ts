import { ignore, sleep } from '../../core/abort.js';
import { jitteredDelay } from '../../core/backoff.js';
import type { Emitter } from '../../core/emitter.js';
import { ClosedError } from '../../core/errors.js';
import type { Acquirer, OwnGuard } from '../acquirer.js';
import { LockTimeoutError } from '../errors.js';
import type { LockTerms } from '../lock-terms.js';
import type { LeaderEvents } from './leader-events.js';
import { Term } from './term.js';

/** How long one stands in the queue before one does so anew: whoever has died is out of it after that. */
const PATIENCE_MS = 60_000;
const RETRY = { baseMs: 100, maxMs: 5_000 };
/** After a resignation others have so much time to be elected, but never more than the ttl. */
const MODESTY_MS = 1_000;

/** One candidate's attempts to lead, one after another, until it is stopped or its manager closes. */
export class Campaign {
  /** Never rejects. */
  readonly ended: Promise<void>;
  readonly #terms: LockTerms;
  readonly #acquirer: Acquirer;
  readonly #events: Emitter<LeaderEvents>;
  readonly #stopping = new AbortController();
  #term: Term | undefined;

  constructor(terms: LockTerms, acquirer: Acquirer, events: Emitter<LeaderEvents>) {
    this.#terms = terms;
    this.#acquirer = acquirer;
    this.#events = events;
    this.ended = this.#run();
  }

  get term(): Term | undefined {
    return this.#term;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#term?.resign(), this.ended]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // so that whoever starts it has it before anything happens
    await Promise.resolve();
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#serve(await this.#acquirer.granted({ timeoutMs: PATIENCE_MS, signal }));
        failures = 0;
      } catch (error) {
        if (signal.aborted || error instanceof ClosedError) return;
        if (error instanceof LockTimeoutError) continue;
        if (failures === 0) this.#events.emit('error', { source: 'campaign', error });
        await this.#pause(jitteredDelay(failures, RETRY, this.#terms.keeper.random));
        failures += 1;
      }
    }
  }

  async #serve(guard: OwnGuard): Promise<void> {
    if (this.#stopping.signal.aborted) return void (await guard.release());
    const term = new Term(guard);
    this.#term = term;
    if (!term.signal.aborted) this.#events.emit('elected', guard);
    const loss = await term.over;
    this.#term = undefined;
    if (loss !== undefined) return this.#events.emit('lost', loss);
    await guard.release();
    await this.#pause(Math.min(MODESTY_MS, this.#terms.ttlMs));
  }

  /** Until the time is over, or it is stopped. */
  #pause(ms: number): Promise<void> {
    return sleep(this.#terms.keeper.clock, ms, this.#stopping.signal).catch(ignore);
  }
}
