import type { Acquirer } from '../acquirer.js';
import type { Guard } from '../guard/guard.js';
import type { LockTerms } from '../lock-terms.js';
import { DEFAULT_WAIT_MS, type Patience } from '../options.js';
import { OneLock } from '../waiting/one-lock.js';
import type { Cohort } from './cohort.js';

/** Comes to hold one lock together with others of its process. */
export class Barging extends OneLock implements Acquirer {
  readonly #cohort: Cohort;

  constructor(terms: LockTerms, cohort: Cohort) {
    super(terms);
    this.#cohort = cohort;
  }

  override async granted(patience: Patience): Promise<Guard> {
    const { clock } = this.terms.keeper;
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = patience;
    const startedMs = clock.monotonicMs();
    if (this.#cohort.isBusy) {
      const guard = await this.#cohort.turn(this.terms, patience);
      if (guard !== undefined) return guard;
    }
    this.#cohort.enter();
    const leftMs = Math.max(0, timeoutMs - (clock.monotonicMs() - startedMs));
    return this.#asked(super.granted({ timeoutMs: leftMs, signal }));
  }

  override async once(patience: Patience): Promise<Guard | undefined> {
    // whoever of the process holds it or asks for it is before this one
    if (this.#cohort.isBusy) return undefined;
    this.#cohort.enter();
    return this.#asked(super.once(patience));
  }

  async #asked<G extends Guard | undefined>(asking: Promise<G>): Promise<G> {
    let guard: G | undefined;
    try {
      guard = await asking;
      return guard;
    } finally {
      if (guard === undefined) this.#cohort.leave();
      else this.#cohort.begin();
    }
  }
}
