import { sleep, untilAborted } from './abort.js';
import type { Clock, Timer } from './clock.js';
import { type Outcome, TimeoutError } from './errors.js';

/** A deadline over several steps, and the caller's signal, as one signal. Must be ended. */
export class TimeLimit {
  readonly signal: AbortSignal;
  /** What the error says when the time is up now: whether something that matters may have run. */
  outcome: Outcome = 'not-sent';
  readonly #clock: Clock;
  readonly #timer: Timer;

  /** @param operation what is limited, as the error calls it */
  constructor(operation: string, timeoutMs: number, ports: { clock: Clock; signal: AbortSignal | undefined }) {
    const timeUp = new AbortController();
    this.#clock = ports.clock;
    this.#timer = ports.clock.timer(timeoutMs, () =>
      timeUp.abort(new TimeoutError(operation, timeoutMs, { outcome: this.outcome })),
    );
    this.signal = ports.signal === undefined ? timeUp.signal : AbortSignal.any([ports.signal, timeUp.signal]);
  }

  /** Waits for the promise no longer than the limit. */
  within<T>(promise: Promise<T>): Promise<T> {
    return untilAborted(promise, this.signal);
  }

  pause(delayMs: number): Promise<void> {
    return sleep(this.#clock, delayMs, this.signal);
  }

  end(): void {
    this.#timer.cancel();
  }
}
