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
import type { CommandOptions } from '../client/command.js';
import { LockTimeoutError } from './errors.js';
import { Guard } from './guard.js';
import { LeaseTime } from './lease-time.js';
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
  #token: string;
  #attempts = 0;
  /** An attempt under this token may have been granted without our knowledge. */
  #inDoubt = false;
  /** What was left of the other's lease at the last refusal. */
  #othersLeaseMs = 0;

  constructor(terms: LockTerms, patience: Patience) {
    this.#terms = terms;
    this.#patience = patience;
    this.#startedMs = terms.keeper.clock.monotonicMs();
    this.#token = this.#terms.keeper.newToken();
  }

  /** One attempt. Cost: 1 round trip. */
  async once(): Promise<Guard | undefined> {
    const { keeper } = this.#terms;
    keeper.enter();
    try {
      return await this.#attempt(attemptTime(this.#patience.timeoutMs, 0));
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      keeper.leave();
    }
  }

  /** Attempts until one is granted or the time is over. */
  async granted(): Promise<Guard> {
    const { keeper } = this.#terms;
    keeper.enter();
    try {
      for (;;) {
        const guard = await this.#attemptAndWait();
        if (guard !== undefined) return guard;
      }
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      keeper.leave();
    }
  }

  async #attemptAndWait(): Promise<Guard | undefined> {
    const { timeoutMs = DEFAULT_WAIT_MS } = this.#patience;
    const attemptMs = attemptTime(timeoutMs, this.#waitedMs());
    let failure: RedisUtilsError | undefined;
    try {
      const guard = await this.#attempt(attemptMs);
      if (guard !== undefined) return guard;
    } catch (error) {
      if (!passesByItself(error)) throw error;
      failure = error;
    }
    const leftMs = timeoutMs - this.#waitedMs();
    if (leftMs > 0) await this.#pause(leftMs, failure !== undefined);
    if (this.#waitedMs() < timeoutMs) return undefined;
    throw failure ?? this.#timedOut();
  }

  /** A guard, or `undefined` when the lock is held by another. */
  async #attempt(timeoutMs: number | undefined): Promise<Guard | undefined> {
    const { keeper, keys, ttlMs, metadata } = this.#terms;
    this.#patience.signal?.throwIfAborted();
    if (keeper.closing) throw new ClosedError('The manager', keeper.endpoint);
    this.#attempts += 1;
    const lease = new LeaseTime(keeper.clock);
    let grant;
    try {
      grant = await keeper.scripts.acquire.run(keys, [this.#token, ttlMs, metadata], this.#limits(timeoutMs));
    } catch (error) {
      if (isWrongType(error)) throw wrongType(keys[0], error);
      this.#inDoubt ||= !(error instanceof ConnectionError && error.outcome === 'not-sent');
      throw error;
    }
    if (grant.fence === undefined) {
      this.#othersLeaseMs = grant.leaseMs;
      return undefined;
    }
    lease.grant(grant.leaseMs);
    if (keeper.closing) return this.#returnToClosing();
    if (lease.remainingMs < ttlMs / 2) return this.#refuseStale();
    return new Guard(this.#terms, { token: this.#token, fence: grant.fence, lease });
  }

  /**
   * The answer took so long that too little of the lease is left to start work under. The next attempt needs a new
   * token, because this one is being given back.
   */
  #refuseStale(): undefined {
    this.#terms.keeper.withdraw(this.#terms.keys, this.#token, this.#terms.ttlMs);
    this.#token = this.#terms.keeper.newToken();
    this.#inDoubt = false;
    this.#othersLeaseMs = this.#terms.ttlMs;
  }

  async #returnToClosing(): Promise<never> {
    const { keeper, keys, ttlMs } = this.#terms;
    await keeper.giveBack(keys, this.#token, ttlMs);
    throw new ClosedError('The manager', keeper.endpoint);
  }

  async #pause(leftMs: number, failed: boolean): Promise<void> {
    const { clock, random } = this.#terms.keeper;
    const retryMs = jitteredDelay(this.#attempts - 1, RETRY, random);
    const leaseEndMs = failed ? Infinity : this.#othersLeaseMs + 1 + random.uniform() * LEASE_END_SPREAD_MS;
    await sleep(clock, Math.min(retryMs, leaseEndMs, leftMs), this.#patience.signal);
  }

  /** Takes care of what an attempt may have left behind, and returns the error to throw. */
  #givenUp(error: unknown): unknown {
    const { keeper, keys, ttlMs } = this.#terms;
    if (this.#inDoubt) keeper.withdraw(keys, this.#token, ttlMs);
    return error;
  }

  #timedOut(): LockTimeoutError {
    const waitedMs = Math.round(this.#waitedMs());
    return new LockTimeoutError({ key: this.#terms.key, waitedMs, attempts: this.#attempts });
  }

  #waitedMs(): number {
    return this.#terms.keeper.clock.monotonicMs() - this.#startedMs;
  }

  #limits(timeoutMs: number | undefined): CommandOptions | undefined {
    const { signal } = this.#patience;
    const { commandTimeoutMs } = this.#terms.keeper;
    const isShorter = timeoutMs !== undefined && timeoutMs < commandTimeoutMs;
    if (!isShorter) return signal === undefined ? undefined : { signal };
    return { timeout: Math.max(1, Math.ceil(timeoutMs)), signal };
  }
}

/** With no time to wait, the one attempt still gets the time of an ordinary command. */
function attemptTime(timeoutMs: number | undefined, waitedMs: number): number | undefined {
  if (timeoutMs === undefined || timeoutMs === 0) return undefined;
  return Math.max(1, timeoutMs - waitedMs);
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
