import type { RedisManager } from '../client/manager.js';
import { untilAborted } from '../core/abort.js';
import { checkInteger, checkKnown, checkOneOf } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { KeySpace } from '../core/key-space.js';
import { DecisionBatcher, type ErrorMode, type Request } from './batcher.js';
import { type Decision, unpayable } from './decision.js';
import { TokenBuckets } from './token-bucket.js';

export interface RateLimiterOptions {
  /** In place of the manager's prefix: `<prefix>:limit:{key}:tb`. */
  readonly prefix?: string | undefined;
  /**
   * What a decision becomes when Redis gives none (down, too slow, no permission, a foreign value at the key): an
   * admission (`open`), a denial (`closed`), or the error itself (`throw`, default). What `open` and `closed` hide
   * is told by the manager's `error` event, once per batch or call.
   */
  readonly onError?: ErrorMode | undefined;
  /** How long a decision may take. Default: the manager's `commandTimeout`. */
  readonly timeout?: Duration | undefined;
}

export interface CheckOptions {
  /** Tokens to take, a whole number; default 1. 0 looks without taking: always allowed, nothing is written. */
  readonly cost?: number | undefined;
  /** Ends the wait with `signal.reason`, whatever `onError` says. The tokens may still be taken. */
  readonly signal?: AbortSignal | undefined;
  /** In place of the limiter's. */
  readonly timeout?: Duration | undefined;
  /** In place of the limiter's. */
  readonly onError?: ErrorMode | undefined;
}

const ERROR_MODES = ['open', 'closed', 'throw'] as const;
const NO_OPTIONS: CheckOptions = {};

/** The name of the policy behind `checkTokenBucket`, and the last part of its keys. */
const TOKEN_BUCKET = 'tb';

/**
 * Rate limits, kept in Redis and shared by every process that uses the same key.
 *
 * Guarantees, while one Redis primary keeps the keys: decisions are integer-exact at microsecond resolution, in the
 * server's time. What is admitted in any span of time is at most the capacity plus the refill of that span. A denied
 * request takes nothing. A request is sent at most once. No key is ever without expiry. A server clock that is set
 * back gives no tokens away, and locks nobody out for longer than the step; set forward, at most one full bucket more.
 *
 * Not guaranteed: that tokens are untouched when a check failed or was given up (the server may have taken them);
 * that state survives a failover to a replica, or an eviction policy that may remove keys with an expiry.
 */
export class RateLimiter {
  readonly #keys: KeySpace;
  readonly #onError: ErrorMode;
  readonly #timeoutMs: number;
  readonly #batcher: DecisionBatcher;
  readonly #buckets = new TokenBuckets();

  /** @throws ConfigError `RU_CONFIG`, also for a manager whose client sends again what may have run (`capabilities`) */
  constructor(manager: RedisManager, options: RateLimiterOptions = {}) {
    checkKnown('rateLimit', options, ['prefix', 'onError', 'timeout']);
    manager.requireAtMostOnce('RateLimiter');
    this.#keys = manager.keySpace('limit', options.prefix);
    this.#onError = checkOneOf('rateLimit.onError', options.onError ?? 'throw', ERROR_MODES);
    this.#timeoutMs = toMs(options.timeout ?? manager.config.commandTimeoutMs, 'rateLimit.timeout');
    this.#batcher = new DecisionBatcher(manager);
  }

  /**
   * Takes tokens from the bucket of `key`, if it holds enough. It holds at most `capacity`, starts full, and gains
   * `refillPerSecond` tokens a second, continuously.
   *
   * A bucket keeps its time to full when its limit changes: at the next call with another capacity or rate, it is as
   * many seconds from full as before, but never emptier than empty. So give one key one limit at a time; where two
   * parts of a program need different ones, use two keys.
   *
   * @param capacity a whole number from 1
   * @param refillPerSecond from 1e-9 to 1e9, may be fractional: taken as the fraction with a denominator of at most
   *        one million that it stands for (`0.1` is 1/10, `100 / 60` is 5/3), else rounded down to one, by less than
   *        two parts per million
   * @returns a `Decision`; a denial is one, not an exception. `cost > capacity` is denied without asking Redis.
   * @throws (the promise rejects with) ConfigError `RU_CONFIG` for arguments that cannot be used, also a capacity too
   *         large to be counted exactly at this rate; the signal's reason; and under `onError: 'throw'`:
   *         ConnectionError, TimeoutError (with `outcome`), ServerError, BadReplyError, or LimitStateError
   *         `RU_LIMIT_STATE` when the key holds a foreign value, which is left as it is
   *
   * Cost: 1 round trip; the calls of one tick share it, in the order in which they were made. 1 key of one integer,
   * or of three for rates that are not one token per whole number of microseconds.
   * Source: GCRA, ITU-T I.371; the exact form is in token-bucket.ts and scripts.ts.
   */
  checkTokenBucket(key: string, capacity: number, refillPerSecond: number, options?: CheckOptions): Promise<Decision> {
    try {
      const bucket = this.#buckets.get(capacity, refillPerSecond);
      const { cost, timeoutMs, onError } = this.#checked(options);
      const name = this.#keys.key(key, TOKEN_BUCKET);
      const request = { key: name, bucket, policy: TOKEN_BUCKET, cost, onError, timeoutMs };
      options?.signal?.throwIfAborted();
      if (cost > capacity) return Promise.resolve(unpayable(request));
      const decision = this.#batcher.decide(request);
      return untilAborted(decision, options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checked(options: CheckOptions = NO_OPTIONS): Pick<Request, 'cost' | 'timeoutMs' | 'onError'> {
    if (options !== NO_OPTIONS) checkKnown('check', options, ['cost', 'signal', 'timeout', 'onError']);
    const { cost, timeout, onError } = options;
    return {
      cost: cost === undefined ? 1 : checkInteger('check.cost', cost, { min: 0, max: Number.MAX_SAFE_INTEGER }),
      timeoutMs: timeout === undefined ? this.#timeoutMs : toMs(timeout, 'check.timeout'),
      onError: onError === undefined ? this.#onError : checkOneOf('check.onError', onError, ERROR_MODES),
    };
  }
}
