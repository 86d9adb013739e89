import type { Clock } from '../core/clock.js';

/** After this the last sample is replaced, so that a stepped server clock is noticed. */
const SAMPLE_LIFE_MS = 10_000;

/** A question that got no answer is asked again after this. */
const ASK_AGAIN_MS = 1_000;

/**
 * The server's clock as last seen, carried forward by the local clock.
 *
 * It decides nothing about a session: it only tells when asking the server is worth a command, and proposes a creation
 * time that the server then checks. Behind by at most one round trip, because a sample counts from its arrival. The
 * larger of monotonic and wall time elapsed carries it, so that it is not behind after the machine slept.
 */
export class ServerTime {
  readonly #clock: Clock;
  #serverMs: number | undefined;
  #monotonicMs = 0;
  #wallMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes what a reply said the server's time was. */
  sample(serverMs: number): void {
    this.#serverMs = serverMs;
    this.#monotonicMs = this.#clock.monotonicMs();
    this.#wallMs = this.#clock.wallMs();
  }

  /** The server's time, or undefined before the first sample. */
  nowMs(): number | undefined {
    return this.#serverMs === undefined ? undefined : this.#serverMs + this.#ageMs();
  }

  /** True for the one caller that should ask the server for its time along with its own command. */
  shouldAsk(): boolean {
    if (this.#serverMs === undefined) return true;
    if (this.#ageMs() < SAMPLE_LIFE_MS) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedMs < ASK_AGAIN_MS) return false;
    this.#askedMs = nowMs;
    return true;
  }

  #ageMs(): number {
    const wall = this.#clock.wallMs() - this.#wallMs;
    return Math.floor(Math.max(0, wall, this.#clock.monotonicMs() - this.#monotonicMs));
  }
}
