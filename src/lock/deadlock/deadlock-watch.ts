import { ignore } from '../../core/abort.js';
import type { Timer } from '../../core/clock.js';
import { LockDeadlockError } from '../errors.js';
import type { LockTerms } from '../lock-terms.js';
import { isYounger, type Wait, type Waits } from './waits.js';

/** How long somebody waits before circles are looked for, and how often that is done then. */
const INTERVAL_MS = 1_000;

/** Looks after one wait of somebody who holds other locks, and ends it if it can never come to its end. */
export class DeadlockWatch {
  readonly #stop = new AbortController();
  readonly #terms: LockTerms;
  readonly #waits: Waits;
  readonly #tokens: readonly string[];
  readonly #startedMs: number;
  #timer: Timer | undefined;
  #sinceMs: number | undefined;
  /** The circle that was seen last. */
  #seen = '';

  /** @param tokens of the locks that are held meanwhile */
  constructor(terms: LockTerms, waits: Waits, tokens: readonly string[]) {
    this.#terms = terms;
    this.#waits = waits;
    this.#tokens = tokens;
    this.#startedMs = terms.keeper.clock.monotonicMs();
    this.#schedule();
  }

  /** Aborts with a LockDeadlockError. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sinceMs !== undefined) this.#waits.forget(this.#tokens).catch(ignore);
  }

  #schedule(): void {
    this.#timer = this.#terms.keeper.clock.timer(INTERVAL_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    try {
      await this.#search();
    } catch (error) {
      // what is not known now may be next time
      this.#terms.keeper.report('lock.deadlock', error);
    }
    if (this.#timer !== undefined) this.#schedule();
  }

  /** When the wait began, by the server's clock. */
  async #since(): Promise<number> {
    const askedMs = this.#terms.keeper.clock.monotonicMs();
    return Math.round((await this.#waits.serverMs()) - (askedMs - this.#startedMs));
  }

  async #search(): Promise<void> {
    const { hash, key } = this.#terms;
    this.#sinceMs ??= await this.#since();
    const mine: Wait = { hash, sinceMs: this.#sinceMs };
    await this.#waits.tell(this.#tokens, mine);
    const cycle = await this.#waits.cycle(this.#tokens, hash);
    const seen = cycle?.hashes.join('\n') ?? '';
    // what is read one after another may never have been so at one moment: only what is seen twice is believed
    const isSure = seen !== '' && seen === this.#seen;
    this.#seen = seen;
    if (cycle === undefined || !isSure) return;
    if (cycle.youngest !== undefined && isYounger(cycle.youngest, mine)) return;
    this.#stop.abort(new LockDeadlockError({ key, cycle: cycle.hashes }));
  }
}
