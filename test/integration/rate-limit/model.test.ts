import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decided } from '../../../src/rate-limit/decision.js';
import { take } from '../../../src/rate-limit/scripts.js';
import { type TokenBucket, tokenBucket } from '../../../src/rate-limit/token-bucket.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, target } from '../../support/target.js';
import { BucketModel } from './bucket-model.js';
import { VirtualLimiter } from './virtual-time.js';

noLeaks();

const RUNS = target.embedded ? 200 : 60;
const STEPS = 60;
const START_US = 1_795_379_065_123_456;

const refill = fc.constantFrom(10, 1, 3, 7, 0.5, 10 / 60, 0.1, 13.7, 30_000, 999_983 / 3600, Math.PI, 1e6, 3e6, 1e9);
const limit = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 200 })), refill)
  .map(([capacity, rate]) => tokenBucket(capacity, rate));

type Step =
  | { readonly advanceUs: number }
  | { readonly change: TokenBucket }
  | { readonly calls: readonly { readonly key: number; readonly cost: number }[] };

const aCall = fc.record({
  key: fc.integer({ min: 0, max: 2 }),
  cost: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 7 })),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ calls: fc.array(aCall, { minLength: 1, maxLength: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      advanceUs: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 3_000_000 })),
    }),
  },
  { weight: 1, arbitrary: limit.map((change) => ({ change })) },
  { weight: 1, arbitrary: fc.record({ advanceUs: fc.integer({ min: -3_600_000_000, max: 3_600_000_000 }) }) },
);

/** The arguments of the script for one call. */
const asking = (bucket: TokenBucket, cost: number): number[] => [
  1,
  bucket.fullUnits,
  bucket.unitsPerUs,
  cost * bucket.unitsPerToken,
];

/** What a decision says about the bucket, in the words of the model. */
function inModelWords(answer: number | null | undefined, bucket: TokenBucket, cost: number): object {
  const { allowed, remaining, retryAfterMs, resetAfterMs } = decided(
    { bucket, cost, policy: 'tb' },
    answer ?? NaN,
    'batch',
  );
  return { allowed, remaining, retryAfterMs, resetAfterMs };
}

function expected(
  model: BucketModel | undefined,
  question: { bucket: TokenBucket; cost: number; nowUs: number },
): object {
  if (model === undefined) throw new Error('There is no such model');
  const { allowed, remaining, retryUs, resetUs } = model.decide(question.bucket, question.cost, question.nowUs);
  return { allowed, remaining, retryAfterMs: Math.ceil(retryUs / 1000), resetAfterMs: Math.ceil(resetUs / 1000) };
}

test('every decision equals the model in whole numbers, whatever is taken, waited, set back or changed', async () => {
  const limiter = await VirtualLimiter.connect();
  let program = 0;
  const property = fc.asyncProperty(limit, fc.array(step, { minLength: 1, maxLength: STEPS }), async (first, steps) => {
    program += 1;
    const models = [new BucketModel(), new BucketModel(), new BucketModel()];
    let bucket = first;
    let nowUs = START_US;
    for (const one of steps) {
      if ('advanceUs' in one) nowUs += one.advanceUs;
      if ('change' in one) bucket = one.change;
      const calls = 'calls' in one ? one.calls.filter(({ cost }) => cost <= bucket.capacity) : [];
      if (calls.length === 0) continue;
      const keys = calls.map(({ key }) => `p${program}:${key}`);
      const reply = await limiter.take(
        nowUs,
        keys,
        calls.flatMap(({ cost }) => asking(bucket, cost)),
      );
      expect(reply.nowUs).toBe(nowUs);
      for (const [index, { key, cost }] of calls.entries()) {
        const answer = inModelWords(reply.answers[index], bucket, cost);
        expect(answer, JSON.stringify({ nowUs, bucket, key, cost })).toEqual(
          expected(models[key], { bucket, cost, nowUs }),
        );
      }
    }
  });
  await fc.assert(property, { numRuns: RUNS });
}, 60_000);

test('a denied request is admitted at its retryAfter, and denied one microsecond before', async () => {
  const limiter = await VirtualLimiter.connect();
  let program = 0;
  const calls = fc.array(
    fc.record({ dt: fc.integer({ min: 0, max: 700_000 }), cost: fc.integer({ min: 1, max: 5 }) }),
    {
      minLength: 5,
      maxLength: 25,
    },
  );
  const property = fc.asyncProperty(limit, calls, async (bucket, list) => {
    const key = `r${++program}`;
    let nowUs = START_US;
    const askAt = async (timeUs: number, cost: number): Promise<number> => {
      const reply = await limiter.take(timeUs, [key], asking(bucket, cost));
      return reply.answers[0] as number;
    };
    for (const { dt, cost } of list) {
      if (cost > bucket.capacity) continue;
      nowUs += dt;
      const before = await limiter.get(key);
      const answer = await askAt(nowUs, cost);
      if (answer >= 0) {
        const resetUs = Math.ceil(answer / bucket.unitsPerUs);
        expect(await limiter.ttlMs(key)).toBe(Math.ceil(resetUs / 1000) + 1);
        continue;
      }
      expect(await limiter.get(key), 'a denial changes nothing').toBe(before);
      const retryUs = Math.ceil((-answer - 1 + cost * bucket.unitsPerToken - bucket.fullUnits) / bucket.unitsPerUs);
      expect(await askAt(nowUs + retryUs - 1, cost)).toBeLessThan(0);
      expect(await askAt(nowUs + retryUs, cost)).toBeGreaterThanOrEqual(0);
      await limiter.put(key, before);
    }
  });
  await fc.assert(property, { numRuns: RUNS / 2 });
}, 60_000);

test('decisions by the clock of the target itself equal the model at the times that it reports', async () => {
  const manager = await connect();
  const script = manager.script(take);
  let program = 0;
  const property = fc.asyncProperty(
    fc.constantFrom(tokenBucket(5, 1000), tokenBucket(3, 700), tokenBucket(20, 30_000)),
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 10, maxLength: 40 }),
    async (bucket, costs) => {
      const key = manager.keySpace('limit').key(String(++program), 'tb');
      const model = new BucketModel();
      for (const cost of costs) {
        const { nowUs, answers } = await script.run([key], asking(bucket, cost));
        expect(inModelWords(answers[0], bucket, cost)).toEqual(expected(model, { bucket, cost, nowUs }));
      }
    },
  );
  await fc.assert(property, { numRuns: 30 });
}, 60_000);

test('a burst at one instant admits exactly the capacity, one token at a time', async () => {
  const limiter = await VirtualLimiter.connect();
  for (let capacity = 1; capacity <= 40; capacity += 1) {
    const bucket = tokenBucket(capacity, capacity);
    const count = capacity + 2;
    const keys = Array.from({ length: count }, () => `burst${capacity}`);
    const reply = await limiter.take(START_US + capacity * 77_777, keys, [
      count,
      bucket.fullUnits,
      bucket.unitsPerUs,
      bucket.unitsPerToken,
    ]);
    const remaining = reply.answers.map((answer) => decided({ bucket, cost: 1, policy: 'tb' }, answer ?? 0, 'batch'));
    expect(remaining.map((one) => (one.allowed ? one.remaining : 'denied'))).toEqual([
      ...Array.from({ length: capacity }, (_, index) => capacity - 1 - index),
      'denied',
      'denied',
    ]);
  }
});

test('a clock set back gives no tokens, and holds up nobody longer than the step', async () => {
  const limiter = await VirtualLimiter.connect();
  const bucket = tokenBucket(10, 10);
  const args = asking(bucket, 1);
  const askAt = async (timeUs: number): Promise<number> =>
    (await limiter.take(timeUs, ['back'], args)).answers[0] ?? NaN;
  for (let taken = 0; taken < 10; taken += 1) expect(await askAt(START_US)).toBeGreaterThanOrEqual(0);
  const back = START_US - 3_600_000_000;
  expect(await askAt(back)).toBeLessThan(0);
  expect(await askAt(back + 99_999)).toBeLessThan(0);
  expect(await askAt(back + 100_000)).toBeGreaterThanOrEqual(0);
  expect(await askAt(back + 100_001)).toBeLessThan(0);
});

test('a lower capacity keeps the time to full up to its own, and its clients get on from there', async () => {
  const limiter = await VirtualLimiter.connect();
  const [large, small] = [tokenBucket(1000, 1), tokenBucket(10, 1)];
  await limiter.take(START_US, ['lower'], asking(large, 1000));
  const args = asking(small, 1);
  const askAt = async (timeUs: number): Promise<number> =>
    (await limiter.take(timeUs, ['lower'], args)).answers[0] ?? NaN;
  expect(await askAt(START_US)).toBeLessThan(0);
  expect(await limiter.ttlMs('lower')).toBe(10_001);
  expect(await askAt(START_US + 999_999)).toBeLessThan(0);
  expect(await askAt(START_US + 1_000_000)).toBe(small.fullUnits);
});
