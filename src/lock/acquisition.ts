import { sleep } from '../core/abort.js';
import { jitteredDelay } from '../core/backoff.js';
import {
  ClosedError,
  ConfigError,
  ConnectionError,
  type RedisUtilsError,
  ServerError,
  TimeoutError,
} from '../core/errors.js';
import { LockTimeoutError } from './errors.js';
import { Guard } from './guard.js';
import { LeaseTime } from './lease-time.js';
import type { Claim, Grant } from './lock-calls.js';
import type { LockTerms } from './lock-terms.js';
import { DEFAULT_WAIT_MS, type Patience } from './options.js';

const RETRY = { baseMs: 10, maxMs: 150 };
/** After the end of the other's lease, spread over these so that waiters do not come all at once. */
const LEASE_END_SPREAD_MS = 5;
/** States of a server that pass by themselves. */
const TEMPORARY = new Set(['LOADING', 'BUSY', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN']);

/**
 * One call of `acquire` or `tryAcquire`. All its attempts carry one token, and the server gives a token that holds the
 * lock the same grant again: when a reply is lost, the next attempt finds out. Whatever ends the call without a guard
 * while an attempt may have been granted, the token is given back in the background, so that nobody holds the lock for
 * nobody.
 */
export class Acquisition {
  readonly #terms: LockTerms;
  readonly #patience: Patience;
  readonly #startedMs: number;
  #claim: Claim;
  /** What the present attempt is granted, if it is. */
  #lease: LeaseTime;
  #attempts = 0;
  /** An attempt under this token may have been granted without our knowledge. */
  #inDoubt = false;
  /** The last answer was that another holds the lock. */
  #refused = false;
  /** What was left of the other's lease then. */
  #othersLeaseMs = 0;

  constructor(terms: LockTerms, patience: Patience) {
    this.#terms = terms;
    this.#patience = patience;
    this.#claim = { hash: terms.hash, token: terms.keeper.newToken() };
    this.#lease = new LeaseTime(terms.keeper.clock);
    this.#startedMs = this.#lease.sentMs;
  }

  /** One attempt. Cost: 1 round trip. */
  async once(): Promise<Guard | undefined> {
    const { keeper } = this.#terms;
    keeper.enter();
    try {
      const asked = this.#ask(this.#patience.timeoutMs);
      try {
        return this.#take(await asked);
      } catch (error) {
        throw this.#failed(error);
      }
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      keeper.leave();
    }
  }

  /** Attempts until one is granted or the time is over. */
  async granted(): Promise<Guard> {
    const { keeper } = this.#terms;
    const { timeoutMs = DEFAULT_WAIT_MS } = this.#patience;
    keeper.enter();
    try {
      for (;;) {
        // what throws here has not been sent
        const asked = this.#ask(timeoutMs);
        let failure: RedisUtilsError | undefined;
        try {
          const guard = this.#take(await asked);
          if (guard !== undefined) return guard;
        } catch (error) {
          failure = this.#worthAnother(this.#failed(error), timeoutMs);
        }
        await this.#pause(timeoutMs - this.#waitedMs(), failure !== undefined);
        if (this.#waitedMs() >= timeoutMs) throw failure ?? this.#timedOut();
      }
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      keeper.leave();
    }
  }

  #ask(patienceMs: number | undefined): Promise<Grant> {
    const { keeper } = this.#terms;
    const { signal } = this.#patience;
    signal?.throwIfAborted();
    if (keeper.closing) throw this.#closed();
    if (this.#attempts > 0) this.#lease = new LeaseTime(keeper.clock);
    this.#attempts += 1;
    const timeoutMs = attemptTime(patienceMs, this.#lease.sentMs - this.#startedMs);
    return keeper.calls.acquire(this.#claim, this.#terms, { timeoutMs, signal });
  }

  /** A guard, or `undefined` when the lock is held by another. */
  #take({ fence, leaseMs }: Grant): Guard | undefined {
    if (fence === undefined) {
      this.#refused = true;
      this.#othersLeaseMs = leaseMs;
      return undefined;
    }
    const lease = this.#lease;
    lease.grant(leaseMs);
    if (this.#terms.keeper.closing) {
      this.#inDoubt = true;
      throw this.#closed();
    }
    if (lease.remainingMs < this.#terms.ttlMs / 2) return this.#refuseStale();
    return new Guard(this.#terms, { claim: this.#claim, fence, lease });
  }

  /**
   * The answer took so long that too little of the lease is left to start work under. The next attempt needs a new
   * token, because this one is being given back.
   */
  #refuseStale(): undefined {
    const { keeper, hash, ttlMs } = this.#terms;
    keeper.withdraw(this.#claim, ttlMs);
    this.#claim = { hash, token: keeper.newToken() };
    this.#inDoubt = false;
    this.#othersLeaseMs = ttlMs;
  }

  /** Draws the conclusions from an attempt that failed, and returns what it failed with. */
  #failed(error: unknown): unknown {
    if (isWrongType(error)) return wrongType(this.#terms.hash, error);
    this.#inDoubt ||= !(error instanceof ConnectionError && error.outcome === 'not-sent');
    return error;
  }

  /** Throws what another attempt cannot cure. What it returns is the reason to give up when the time is over. */
  #worthAnother(error: unknown, timeoutMs: number): RedisUtilsError | undefined {
    if (!passesByItself(error)) throw error;
    // the last attempt had only the time that was left: its missing answer says less than the refusal before it
    const isCutShort = error instanceof TimeoutError && this.#waitedMs() >= timeoutMs;
    if (this.#refused && isCutShort) return undefined;
    this.#refused = false;
    return error;
  }

  async #pause(leftMs: number, failed: boolean): Promise<void> {
    if (leftMs <= 0) return;
    const { clock, random } = this.#terms.keeper;
    const retryMs = jitteredDelay(this.#attempts - 1, RETRY, random);
    const leaseEndMs = failed ? Infinity : this.#othersLeaseMs + 1 + random.uniform() * LEASE_END_SPREAD_MS;
    await sleep(clock, Math.min(retryMs, leaseEndMs, leftMs), this.#patience.signal);
  }

  /** Takes care of what an attempt may have left behind, and returns the error to throw. */
  #givenUp(error: unknown): unknown {
    if (this.#inDoubt) this.#terms.keeper.withdraw(this.#claim, this.#terms.ttlMs);
    return error;
  }

  #closed(): ClosedError {
    return new ClosedError('The manager', this.#terms.keeper.endpoint);
  }

  #timedOut(): LockTimeoutError {
    const waitedMs = Math.round(this.#waitedMs());
    return new LockTimeoutError({ key: this.#terms.key, waitedMs, attempts: this.#attempts });
  }

  #waitedMs(): number {
    return this.#terms.keeper.clock.monotonicMs() - this.#startedMs;
  }
}

/** With no time to wait, the one attempt still gets the time of an ordinary command. */
function attemptTime(timeoutMs: number | undefined, waitedMs: number): number | undefined {
  if (timeoutMs === undefined || timeoutMs === 0) return undefined;
  return timeoutMs - waitedMs;
}

/** No answer, or a server that is not ready: worth another attempt while there is time. */
function passesByItself(error: unknown): error is RedisUtilsError {
  if (error instanceof ClosedError) return false;
  if (error instanceof ServerError) return TEMPORARY.has(error.replyCode);
  return error instanceof ConnectionError || error instanceof TimeoutError;
}

function isWrongType(error: unknown): boolean {
  return error instanceof ServerError && error.replyCode === 'WRONGTYPE';
}

function wrongType(key: string, cause: unknown): ConfigError {
  return new ConfigError([{ option: key, expected: 'the hash of a lock', received: 'a value of another type' }], {
    cause,
  });
}
