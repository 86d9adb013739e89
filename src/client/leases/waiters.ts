import type { Clock } from '../../core/clock.js';

/** One caller that waits its turn. */
export interface Waiter<T> {
  readonly sinceMs: number;
  /** It has its turn, and waits no longer. */
  serve(turn: T): void;
  fail(error: unknown): void;
}

export interface WaitLimits {
  readonly timeoutMs: number;
  /** What the caller is told whose time is up. */
  readonly timeout: () => Error;
  readonly signal: AbortSignal | undefined;
}

/** Callers in the order in which they came. One whose time is up, or whose signal aborts, leaves the queue. */
export class Waiters<T> {
  readonly #clock: Clock;
  readonly #queue = new Set<Waiter<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#queue.size;
  }

  /** Who has waited longest. */
  first(): Waiter<T> | undefined {
    const [first] = this.#queue;
    return first;
  }

  join({ timeoutMs, timeout, signal }: WaitLimits): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.#queue.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter<T> = {
        sinceMs: this.#clock.monotonicMs(),
        serve: (turn) => {
          leave();
          resolve(turn);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.fail(signal?.reason);
      const timer = this.#clock.timer(timeoutMs, () => waiter.fail(timeout()));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiter);
    });
  }

  failAll(error: () => Error): void {
    for (const waiter of [...this.#queue]) waiter.fail(error());
  }
}
