import type { Clock } from '../../../core/clock.js';

const PAUSE_MS = 1_000;

/** Looks into what many callers complain of at the same time: at once, then once per second at most. */
export class Suspicion {
  readonly #clock: Clock;
  readonly #look: () => void;
  #notBeforeMs = -Infinity;

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  raise(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#notBeforeMs) return;
    this.#notBeforeMs = nowMs + PAUSE_MS;
    this.#look();
  }
}
