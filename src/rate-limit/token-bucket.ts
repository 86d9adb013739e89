import { checkInteger, checkNumber } from '../core/check.js';
import { ConfigError } from '../core/errors.js';
import { greatestCommonDivisor, toFraction } from './fraction.js';

const MICROSECONDS_PER_SECOND = 1_000_000n;

/** The largest integer that the field of a rate limit header can carry (RFC 9651: 15 digits). */
const MAX_CAPACITY = 999_999_999_999_999;

/** Debt plus cost is at most twice a full bucket, and must stay below 2^53 to be exact. */
const MAX_UNITS = 2n ** 52n;

/** A bucket that takes longer than 100 years to fill would be full at a time that is no exact integer. */
const MAX_FILL_US = 100n * 365n * 86_400n * MICROSECONDS_PER_SECOND;

/**
 * A token bucket in whole numbers: one token is `unitsPerToken` units, and `unitsPerUs` units flow in per
 * microsecond. Their ratio, in lowest terms, is the refill rate exactly, so no decision ever rounds.
 */
export interface TokenBucket {
  readonly capacity: number;
  readonly unitsPerToken: number;
  readonly unitsPerUs: number;
  /** The units of a full bucket. */
  readonly fullUnits: number;
  /** Seconds in which an empty bucket fills, rounded up. */
  readonly fillSeconds: number;
}

/** Converts a limit as the caller states it. @throws ConfigError when it cannot be kept exactly */
export function tokenBucket(capacity: number, refillPerSecond: number): TokenBucket {
  checkInteger('capacity', capacity, { min: 1, max: MAX_CAPACITY });
  checkNumber('refillPerSecond', refillPerSecond, { min: 1e-9, max: 1e9 });
  const { numerator, denominator } = toFraction(refillPerSecond);
  const divisor = greatestCommonDivisor(numerator, denominator * MICROSECONDS_PER_SECOND);
  const unitsPerUs = numerator / divisor;
  const unitsPerToken = (denominator * MICROSECONDS_PER_SECOND) / divisor;
  const fullUnits = BigInt(capacity) * unitsPerToken;
  if (fullUnits > MAX_UNITS || fullUnits > MAX_FILL_US * unitsPerUs) {
    throw tooFine(capacity, refillPerSecond, MAX_UNITS / unitsPerToken);
  }
  return {
    capacity,
    unitsPerToken: Number(unitsPerToken),
    unitsPerUs: Number(unitsPerUs),
    fullUnits: Number(fullUnits),
    fillSeconds: Number(ceilDivide(fullUnits, unitsPerUs * MICROSECONDS_PER_SECOND)),
  };
}

function tooFine(capacity: number, refillPerSecond: number, most: bigint): ConfigError {
  const expected =
    `such that a bucket of ${capacity} refilled at ${refillPerSecond}/s can be counted exactly and fills within ` +
    `100 years: at this rate at most ${most} tokens can be counted – state the rate with fewer digits, or raise it`;
  return new ConfigError([{ option: 'capacity', expected, received: String(capacity) }]);
}

function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

/**
 * The conversions of the limits in use, so that a decision does none. Bounded: a program that makes up limits without
 * end starts over instead of growing.
 */
export class TokenBuckets {
  readonly #byLimit = new Map<number, Map<number, TokenBucket>>();
  readonly #max: number;
  #size = 0;

  constructor(max = 1_000) {
    this.#max = max;
  }

  get(capacity: number, refillPerSecond: number): TokenBucket {
    return this.#byLimit.get(capacity)?.get(refillPerSecond) ?? this.#add(capacity, refillPerSecond);
  }

  #add(capacity: number, refillPerSecond: number): TokenBucket {
    const bucket = tokenBucket(capacity, refillPerSecond);
    if (this.#size >= this.#max) {
      this.#byLimit.clear();
      this.#size = 0;
    }
    let byRefill = this.#byLimit.get(capacity);
    if (byRefill === undefined) this.#byLimit.set(capacity, (byRefill = new Map()));
    byRefill.set(refillPerSecond, bucket);
    this.#size += 1;
    return bucket;
  }
}
