import type { Clock, Timer } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import type { PushedGrant, Waiter } from './inbox.js';

/** After the end of the other's lease it is looked at by one process after another, at this distance. */
const RANK_MS = 25;
const MOST_RANKS = 20;
/** Spread within a rank. */
const SPREAD_MS = 5;

/** The place of one `acquire` in the queue of a lock: what it is told meanwhile, and when to look for itself. */
export class Waiting implements Waiter {
  readonly hash: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #granted: PushedGrant | undefined;
  #lookAtMs = 0;
  /** Something may have been missed since the lock was looked at last. */
  #hasGap = false;
  #pause: Pause | undefined;

  constructor(hash: string, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.hash = hash;
    this.#clock = clock;
    this.#random = random;
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

  /** Others hold the lock for so long: it is looked at again when that is over. */
  onLease(leaseMs: number, before: number): void {
    const rankMs = Math.min(before, MOST_RANKS) * RANK_MS;
    this.lookAfter(leaseMs + 1 + rankMs + this.#random.uniform() * SPREAD_MS);
  }

  onGap(): void {
    this.#hasGap = true;
    this.#pause?.end();
  }

  /** The lock is looked at now. */
  looks(): void {
    this.#hasGap = false;
  }

  lookAfter(delayMs: number): void {
    this.#lookAtMs = this.#clock.monotonicMs() + delayMs;
    this.#pause?.arm();
  }

  lookNoLaterThan(delayMs: number): void {
    if (this.#clock.monotonicMs() + delayMs < this.#lookAtMs) this.lookAfter(delayMs);
  }

  /** Until it is time to look, or something was handed to it or may have been missed; at most for so long. */
  pause(atMostMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#granted !== undefined || this.#hasGap || atMostMs <= 0) return Promise.resolve();
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
