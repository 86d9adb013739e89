import type { TokenBucket } from './token-bucket.js';

/**
 * Who decided: `redis` the server, for this call alone; `batch` the server, for calls of one tick together; `local`
 * nobody had to be asked, as the cost is more than the capacity; `fail-open` and `fail-closed` the `onError` policy,
 * as the server gave no answer.
 */
export type DecisionSource = 'redis' | 'batch' | 'local' | 'fail-open' | 'fail-closed';

/**
 * The answer to one request. A denial is a value like any other.
 *
 * From the server (`redis`, `batch`) all numbers are exact for the server's time of the decision. From `onError`
 * nothing is known: `remaining` and `resetAfterMs` are 0.
 */
export interface Decision {
  readonly allowed: boolean;
  /** The capacity of the bucket, in tokens. */
  readonly limit: number;
  /** Whole tokens left: a request of this cost would be admitted now, one of a token more would not. */
  readonly remaining: number;
  /**
   * 0 if allowed. Else the first whole millisecond at which the same request is admitted, unless others take tokens
   * before. `Infinity` if the cost is more than the capacity. 1,000 under `fail-closed`, a guess.
   */
  readonly retryAfterMs: number;
  /** Milliseconds until the bucket is full, rounded up; 0 when it is, or for `local`. */
  readonly resetAfterMs: number;
  readonly cost: number;
  /** The name of the policy: `tb` for `checkTokenBucket`. */
  readonly policy: string;
  readonly source: DecisionSource;
  /**
   * The fields of an HTTP response, by draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` (`q` capacity,
   * `w` seconds in which an empty bucket fills), `RateLimit` (`r` remaining, `t` seconds until the next token; absent
   * when nothing is known), and `Retry-After` in seconds, rounded up, when denied and waiting helps.
   */
  headers(): Record<string, string>;
}

/** What a decision is about. */
export interface Question {
  readonly bucket: TokenBucket;
  readonly policy: string;
  readonly cost: number;
}

/** How long to hold back a client of whom nothing is known. */
const FAIL_CLOSED_RETRY_MS = 1_000;

class BucketDecision implements Decision {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetAfterMs: number;
  readonly cost: number;
  readonly policy: string;
  readonly source: DecisionSource;
  readonly #bucket: TokenBucket;
  /** Units missing until the bucket is full; undefined when unknown. */
  readonly #debt: number | undefined;

  constructor(
    question: Question,
    answer: { allowed: boolean; debt?: number; retryAfterMs: number },
    source: DecisionSource,
  ) {
    const { bucket } = question;
    const { debt } = answer;
    this.allowed = answer.allowed;
    this.limit = bucket.capacity;
    this.remaining = debt === undefined ? 0 : Math.floor((bucket.fullUnits - debt) / bucket.unitsPerToken);
    this.retryAfterMs = answer.retryAfterMs;
    this.resetAfterMs = debt === undefined ? 0 : msToFlow(debt, bucket);
    this.cost = question.cost;
    this.policy = question.policy;
    this.source = source;
    this.#bucket = bucket;
    this.#debt = debt;
  }

  headers(): Record<string, string> {
    const fields: Record<string, string> = {
      'RateLimit-Policy': `"${this.policy}";q=${this.limit};w=${this.#bucket.fillSeconds}`,
    };
    if (this.#debt !== undefined) {
      const next = this.#secondsToNextToken(this.#debt);
      fields['RateLimit'] = `"${this.policy}";r=${this.remaining}${next === 0 ? '' : `;t=${next}`}`;
    }
    if (!this.allowed && Number.isFinite(this.retryAfterMs)) {
      fields['Retry-After'] = String(Math.max(1, Math.ceil(this.retryAfterMs / 1000)));
    }
    return fields;
  }

  /** 0 when no further token is to come. */
  #secondsToNextToken(debt: number): number {
    const { capacity, unitsPerToken } = this.#bucket;
    const debtThen = (capacity - this.remaining - 1) * unitsPerToken;
    return debtThen < 0 ? 0 : Math.ceil(msToFlow(debt - debtThen, this.#bucket) / 1000);
  }
}

/**
 * Milliseconds in which so many units flow in, rounded up. Exact: for integers below 2^53 the double nearest to a
 * quotient never crosses an integer that the quotient itself does not reach.
 */
function msToFlow(units: number, bucket: TokenBucket): number {
  return Math.ceil(Math.ceil(units / bucket.unitsPerUs) / 1000);
}

/** The server's answer: the debt after an admission, or minus one minus the debt that stood in the way. */
export function decided(question: Question, answer: number, source: 'redis' | 'batch'): Decision {
  if (answer >= 0) return new BucketDecision(question, { allowed: true, debt: answer, retryAfterMs: 0 }, source);
  const { bucket, cost } = question;
  const debt = -answer - 1;
  const missing = debt + cost * bucket.unitsPerToken - bucket.fullUnits;
  return new BucketDecision(question, { allowed: false, debt, retryAfterMs: msToFlow(missing, bucket) }, source);
}

/** A cost that even a full bucket cannot pay. */
export function unpayable(question: Question): Decision {
  return new BucketDecision(question, { allowed: false, retryAfterMs: Infinity }, 'local');
}

/** The policy's answer in place of the server's. */
export function undecided(question: Question, policy: 'open' | 'closed'): Decision {
  const allowed = policy === 'open';
  const retryAfterMs = allowed ? 0 : FAIL_CLOSED_RETRY_MS;
  return new BucketDecision(question, { allowed, retryAfterMs }, allowed ? 'fail-open' : 'fail-closed');
}
