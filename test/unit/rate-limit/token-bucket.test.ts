import { expect, test } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import { tokenBucket, TokenBuckets } from '../../../src/rate-limit/token-bucket.js';

test('a limit becomes whole units per token and per microsecond, in lowest terms', () => {
  expect(tokenBucket(100, 10)).toEqual({
    capacity: 100,
    unitsPerToken: 100_000,
    unitsPerUs: 1,
    fullUnits: 10_000_000,
    fillSeconds: 10,
  });
  expect(tokenBucket(5, 7)).toMatchObject({ unitsPerToken: 1_000_000, unitsPerUs: 7, fillSeconds: 1 });
  expect(tokenBucket(1, 1e9)).toMatchObject({ unitsPerToken: 1, unitsPerUs: 1000, fillSeconds: 1 });
});

test('a limit that cannot be counted exactly is refused, and the error says what can', () => {
  expect(() => tokenBucket(10_000, 3.333333)).toThrow(/at most 4503 tokens can be counted – state the rate with fewer/);
  expect(() => tokenBucket(4_000, 3.333333)).not.toThrow();
  expect(() => tokenBucket(10_000, 3.3333)).not.toThrow();
});

test('a bucket that fills in more than 100 years is refused', () => {
  expect(() => tokenBucket(3_000_000_000, 1)).not.toThrow();
  expect(() => tokenBucket(4_000_000_000, 1)).toThrow(ConfigError);
});

test('the same limit is converted once, and the memory of conversions is bounded', () => {
  const buckets = new TokenBuckets(3);
  const first = buckets.get(10, 1);
  expect(buckets.get(10, 1)).toBe(first);
  for (let capacity = 11; capacity < 14; capacity += 1) buckets.get(capacity, 1);
  expect(buckets.get(10, 1)).not.toBe(first);
  expect(buckets.get(10, 1)).toEqual(first);
});
