import { jitteredDelay } from '../../../core/backoff.js';
import type { Timer } from '../../../core/clock.js';
import type { Runtime } from '../../../core/runtime.js';

/** Looks are at least half of `baseMs` apart, however many ask for one; up to `maxMs` when they keep failing. */
const PAUSE = { baseMs: 400, maxMs: 2_000 };
/** Nobody tells of a node that left in peace, so there is a look now and then. */
const EVERY_MS = 30_000;

/** Says when to look at the cluster again: soon when somebody suspects a change, and now and then in any case. */
export class Lookout {
  readonly #runtime: Runtime;
  readonly #look: () => Promise<void>;
  #isLooking = false;
  #isSuspicious = false;
  #failures = 0;
  #lookedMs = -Infinity;
  #soon: Timer | undefined;
  #later: Timer | undefined;
  #isStopped = false;

  /** @param look resolves when it has found out; what it rejects with has been told */
  constructor(runtime: Runtime, look: () => Promise<void>) {
    this.#runtime = runtime;
    this.#look = look;
  }

  /** The picture is new as of now. */
  looked(): void {
    this.#lookedMs = this.#runtime.clock.monotonicMs();
    this.#later?.cancel();
    if (this.#isStopped) return;
    const everyMs = EVERY_MS * (0.75 + 0.5 * this.#runtime.random.uniform());
    this.#later = this.#runtime.clock.backgroundTimer(everyMs, () => this.suspect());
  }

  /** The picture may be out of date. Cheap to call often. */
  suspect(): void {
    if (this.#isLooking) this.#isSuspicious = true;
    if (this.#isLooking || this.#soon !== undefined || this.#isStopped) return;
    const { clock, random } = this.#runtime;
    const pauseMs = jitteredDelay(this.#failures, PAUSE, random);
    const waitMs = Math.max(0, this.#lookedMs + pauseMs - clock.monotonicMs());
    this.#soon = clock.timer(waitMs, () => void this.#lookNow());
  }

  stop(): void {
    this.#isStopped = true;
    this.#soon?.cancel();
    this.#later?.cancel();
  }

  async #lookNow(): Promise<void> {
    this.#soon = undefined;
    this.#isLooking = true;
    this.#isSuspicious = false;
    try {
      await this.#look();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    }
    this.#isLooking = false;
    this.looked();
    // what was said meanwhile may be newer than what was seen
    if (this.#isSuspicious) this.suspect();
  }
}
