import type { TokenBucket } from '../../../src/rate-limit/token-bucket.js';

export interface ModelDecision {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryUs: number;
  readonly resetUs: number;
}

/**
 * The definition that the script must equal, in integers of any size. The state is the time at which the bucket is
 * full again: an exact fraction of microseconds, kept through any change of the limit, clamped to the capacity in
 * force, and read in units of that limit, rounded up by less than one.
 */
export class BucketModel {
  #numerator = 0n;
  #denominator = 1n;

  decide(bucket: TokenBucket, cost: number, nowUs: number): ModelDecision {
    const [full, token, rate] = [BigInt(bucket.fullUnits), BigInt(bucket.unitsPerToken), BigInt(bucket.unitsPerUs)];
    const now = BigInt(nowUs);
    const missing = (this.#numerator - now * this.#denominator) * rate;
    const stored = missing <= 0n ? 0n : ceil(missing, this.#denominator);
    const debt = stored > full ? full : stored;
    const after = debt + BigInt(cost) * token;
    const allowed = cost === 0 || after <= full;
    if (cost > 0 && (allowed || stored > full)) {
      this.#numerator = now * rate + (allowed ? after : full);
      this.#denominator = rate;
    }
    const left = allowed ? after : debt;
    return {
      allowed,
      remaining: Number((full - left) / token),
      retryUs: allowed ? 0 : Number(ceil(after - full, rate)),
      resetUs: Number(ceil(left, rate)),
    };
  }
}

function ceil(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}
