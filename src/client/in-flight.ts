import type { Clock } from '../core/clock.js';
import { Deadlines, Expiring } from '../core/deadlines.js';
import { TimeoutError } from '../core/errors.js';

/** How long one call may wait, and what else ends its wait. */
export interface Wait {
  readonly operation: string;
  /** `undefined` waits for as long as the connection lives. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

class Call extends Expiring {
  readonly #reject: (reason: unknown) => void;
  readonly #wait: Wait;

  constructor(wait: Wait, reject: (reason: unknown) => void) {
    super();
    this.#wait = wait;
    this.#reject = reject;
  }

  expire(): void {
    this.#reject(new TimeoutError(this.#wait.operation, this.#wait.timeoutMs ?? 0));
  }
}

/**
 * The calls that wait for a reply. Ends a wait at its deadline or when its signal aborts; the reply that may still
 * come is then dropped by whoever reads it, and can reach nobody else, because replies are matched by order below.
 */
export class InFlight {
  readonly #deadlines: Deadlines;
  readonly #idle: (() => void)[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock);
  }

  /** Calls whose reply has not come, also those whose caller no longer waits for it. */
  get count(): number {
    return this.#count;
  }

  /** The reply, or the end of the wait, whichever is first. */
  track<T>(reply: Promise<T>, wait: Wait): Promise<T> {
    this.#count += 1;
    return new Promise<T>((resolve, reject) => {
      const { signal } = wait;
      const onAbort = signal === undefined ? undefined : (): void => reject(signal.reason);
      if (onAbort !== undefined) signal?.addEventListener('abort', onAbort, { once: true });
      const call = new Call(wait, reject);
      if (wait.timeoutMs !== undefined) this.#deadlines.add(call, wait.timeoutMs);
      const settle = (): void => {
        this.#deadlines.remove(call);
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
        this.#count -= 1;
        if (this.#count === 0 && this.#idle.length > 0) for (const wake of this.#idle.splice(0)) wake();
      };
      reply.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(error);
        },
      );
    });
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Stops the clockwork; what still waits is settled by the end of its connection. */
  stop(): void {
    this.#deadlines.stop();
  }
}
