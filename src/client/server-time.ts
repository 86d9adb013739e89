import type { Clock } from '../core/clock.js';
import { BadReplyError } from '../core/errors.js';
import type { Reply } from './driver.js';

/** After this the last sample is replaced, so that a stepped server clock is noticed. */
const SAMPLE_LIFE_MS = 10_000;

/** A question that got no answer is asked again after this. */
const ASK_AGAIN_MS = 1_000;

/** Sends `TIME`. */
type AskTime = () => Promise<Reply>;

/**
 * The server's clock as last seen, carried forward by the local clock, between two bounds: the server read its clock
 * after the question was sent and before the answer arrived. The larger of monotonic and wall time elapsed carries it,
 * so that it does not fall behind while the machine sleeps.
 *
 * It decides nothing that must be exact: for that, scripts read `TIME` themselves. Not covered: a server clock that is
 * stepped, until the next sample (10 s at most while it is used), and in a cluster how far the clocks of nodes differ.
 */
export class ServerTime {
  readonly #clock: Clock;
  readonly #askTime: AskTime;
  #serverMs: number | undefined;
  /** Of the answer, by both clocks. */
  #monotonicMs = 0;
  #wallMs = 0;
  #roundTripMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, askTime: AskTime) {
    this.#clock = clock;
    this.#askTime = askTime;
  }

  /**
   * Takes what a reply said the server's time was.
   * @param sentMs when the question was sent, by the monotonic clock
   */
  sample(serverMs: number, sentMs: number): void {
    this.#serverMs = serverMs;
    this.#monotonicMs = this.#clock.monotonicMs();
    this.#wallMs = this.#clock.wallMs();
    this.#roundTripMs = this.#monotonicMs - sentMs;
  }

  /** Takes the time out of the reply of a script, which is being sent now. */
  async sampled<T extends { readonly nowMs: number }>(running: Promise<T>): Promise<T> {
    const sentMs = this.#clock.monotonicMs();
    const reply = await running;
    this.sample(reply.nowMs, sentMs);
    return reply;
  }

  /** Never ahead of the server's time; undefined before the first sample. */
  earliestMs(): number | undefined {
    return this.#serverMs === undefined ? undefined : this.#serverMs + Math.floor(this.#ageMs());
  }

  /** Never behind the server's time; infinite before the first sample. */
  latestMs(): number {
    // the server's milliseconds are rounded down
    if (this.#serverMs === undefined) return Number.POSITIVE_INFINITY;
    return this.#serverMs + Math.ceil(this.#roundTripMs + this.#ageMs()) + 1;
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

  /** Asks the server. Cost: 1 round trip. */
  async ask(): Promise<number> {
    const sentMs = this.#clock.monotonicMs();
    const reply = await this.#askTime();
    const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : [];
    const serverMs = (seconds ?? Number.NaN) * 1000 + Math.floor((micros ?? Number.NaN) / 1000);
    if (!Number.isSafeInteger(serverMs)) throw new BadReplyError('TIME', 'seconds and microseconds', reply);
    this.sample(serverMs, sentMs);
    return serverMs;
  }

  #ageMs(): number {
    const wall = this.#clock.wallMs() - this.#wallMs;
    return Math.max(0, wall, this.#clock.monotonicMs() - this.#monotonicMs);
  }
}
