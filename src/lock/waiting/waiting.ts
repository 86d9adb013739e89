import type { Clock, Timer } from '../../core/clock.js';
import type { PushedGrant, Waiter } from './inbox.js';

/** The pauses of one `acquire`, and what it is told meanwhile. */
export class Waiting implements Waiter {
  readonly hash: string;
  readonly #clock: Clock;
  #granted: PushedGrant | undefined;
  #lookAtMs = Number.POSITIVE_INFINITY;
  /** Whether there has been a reason to look since that was done last. */
  #hasToLook = false;
  #pause: Pause | undefined;

  constructor(hash: string, clock: Clock) {
    this.hash = hash;
    this.#clock = clock;
  }

  /** What it was handed, told once. */
  takeGrant(): PushedGrant | undefined {
    const granted = this.#granted;
    this.#granted = undefined;
    return granted;
  }

  onGrant(grant: PushedGrant): void {
    this.#granted = grant;
    this.#pause?.end();
  }

  look(): void {
    this.#hasToLook = true;
    this.#pause?.end();
  }

  /** The lock is looked at now. */
  looks(): void {
    this.#hasToLook = false;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
  }

  lookAfter(delayMs: number): void {
    this.#lookAtMs = this.#clock.monotonicMs() + delayMs;
    this.#pause?.arm();
  }

  /** Until it is time to look, or something was handed to it or may have been missed; at most for so long. */
  pause(atMostMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#granted !== undefined || this.#hasToLook || atMostMs <= 0) return Promise.resolve();
    const endsAtMs = this.#clock.monotonicMs() + atMostMs;
    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      let timer: Timer | undefined;
      const settle = (): void => {
        this.#pause = undefined;
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        settle();
        reject(signal?.reason as Error);
      };
      const end = (): void => {
        settle();
        resolve();
      };
      const arm = (): void => {
        timer?.cancel();
        timer = this.#clock.timer(Math.min(this.#lookAtMs, endsAtMs) - this.#clock.monotonicMs(), end);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pause = { end, arm };
      arm();
    });
  }
}

interface Pause {
  readonly end: () => void;
  readonly arm: () => void;
}
