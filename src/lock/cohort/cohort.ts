import type { Clock, Timer } from '../../core/clock.js';
import type { Claim } from '../calls/authority.js';
import { LockTimeoutError } from '../errors.js';
import type { Guard } from '../guard/guard.js';
import type { ReleaseResult } from '../keeper.js';
import type { LockTerms } from '../lock-terms.js';
import { DEFAULT_WAIT_MS, type Patience } from '../options.js';
import type { Succession } from '../succession.js';
import { passOn } from './pass-on.js';

/** How often in a row, and for how long, a lock stays within one process although others wait. */
const MOST_PASSES = 16;
const LONGEST_MS = 200;

/** One who waits within the process: for the lock itself, or for the right to ask the server for it. */
interface LocalWaiter {
  readonly terms: LockTerms;
  readonly signal: AbortSignal | undefined;
  /** With a guard, or without one when it is to ask the server. */
  readonly proceed: (guard: Guard | undefined) => void;
}

/**
 * All in one process who want one lock by `order: 'barge'`. One of them asks the server, the others wait here; whoever
 * releases it passes it on to the next of them, in one round trip and ahead of the server's queue, until other processes
 * have been overtaken often or long enough.
 *
 * Source: Dice, Marathe and Shavit, "Lock Cohorting: A General Technique for Designing NUMA Locks", 2012.
 */
export class Cohort implements Succession {
  readonly #clock: Clock;
  readonly #waiters = new Set<LocalWaiter>();
  /** One of us asks the server, or holds the lock. */
  #isBusy = false;
  #passes = 0;
  #sinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Somebody begins to ask the server. */
  enter(): void {
    this.#isBusy = true;
  }

  /** The server has granted the lock to one of us. */
  begin(): void {
    this.#passes = 0;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /** The lock is not held by one of us any more, or was not got: the next one may ask the server. */
  leave(): void {
    const next = this.#shift();
    this.#isBusy = next !== undefined;
    next?.proceed(undefined);
  }

  /** Undefined: it is to ask the server itself. @throws LockTimeoutError; the signal's reason */
  turn(terms: LockTerms, { timeoutMs = DEFAULT_WAIT_MS, signal }: Patience): Promise<Guard | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      let timer: Timer | undefined;
      const end = (): void => {
        this.#waiters.delete(waiter);
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        reject(signal?.reason as Error);
      };
      const proceed = (guard: Guard | undefined): void => {
        end();
        resolve(guard);
      };
      const waiter: LocalWaiter = { terms, signal, proceed };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      timer = this.#clock.timer(timeoutMs, () => {
        end();
        reject(new LockTimeoutError({ key: terms.key, waitedMs: timeoutMs, attempts: 0 }));
      });
    });
  }

  /** Gives the lock to the next of us. Undefined: it is to go back to the server. */
  pass(claim: Claim, leaseMs: number): Promise<ReleaseResult> | undefined {
    const isEnough = this.#passes >= MOST_PASSES || this.#clock.monotonicMs() - this.#sinceMs >= LONGEST_MS;
    const next = isEnough ? undefined : this.#shift();
    if (next === undefined) return undefined;
    this.#passes += 1;
    return passOn(claim, leaseMs, next.terms).then(({ passed, result }) => {
      next.proceed(passed);
      return result;
    });
  }

  #shift(): LocalWaiter | undefined {
    const [first] = this.#waiters;
    if (first !== undefined) this.#waiters.delete(first);
    return first;
  }
}
