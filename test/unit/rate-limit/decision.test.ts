import { expect, test } from 'vitest';
import { decided, undecided, unpayable } from '../../../src/rate-limit/decision.js';
import { tokenBucket } from '../../../src/rate-limit/token-bucket.js';

const bucket = tokenBucket(100, 10);
const question = { bucket, policy: 'tb', cost: 1 };

test('an admission carries the policy, what remains and when the next token comes', () => {
  expect(decided(question, 100_000, 'redis').headers()).toEqual({
    'RateLimit-Policy': '"tb";q=100;w=10',
    RateLimit: '"tb";r=99;t=1',
  });
});

test('a full bucket has no next token', () => {
  expect(decided({ ...question, cost: 0 }, 0, 'redis').headers()['RateLimit']).toBe('"tb";r=100');
});

test('a denial carries Retry-After in seconds, rounded up, and never before the next token', () => {
  const denied = decided({ ...question, cost: 25 }, -1 - bucket.fullUnits, 'redis');
  expect(denied).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 2_500, resetAfterMs: 10_000 });
  expect(denied.headers()).toEqual({
    'RateLimit-Policy': '"tb";q=100;w=10',
    RateLimit: '"tb";r=0;t=1',
    'Retry-After': '3',
  });
});

test('times are rounded up to the millisecond at which they hold', () => {
  const slow = tokenBucket(3, 7);
  // one token of 7/s is 142,857 1/7 microseconds
  const denied = decided({ bucket: slow, policy: 'tb', cost: 1 }, -1 - slow.fullUnits, 'redis');
  expect(denied.retryAfterMs).toBe(143);
  expect(denied.resetAfterMs).toBe(429);
});

test('an answer by policy claims nothing about what remains', () => {
  const closed = undecided(question, 'closed');
  expect(closed).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 1000, source: 'fail-closed' });
  expect(closed.headers()).toEqual({ 'RateLimit-Policy': '"tb";q=100;w=10', 'Retry-After': '1' });
  const open = undecided(question, 'open');
  expect(open).toMatchObject({ allowed: true, remaining: 0, retryAfterMs: 0, source: 'fail-open' });
  expect(open.headers()).toEqual({ 'RateLimit-Policy': '"tb";q=100;w=10' });
});

test('no wait helps a cost above the capacity, so no Retry-After is sent', () => {
  const decision = unpayable({ ...question, cost: 101 });
  expect(decision).toMatchObject({ allowed: false, retryAfterMs: Infinity, source: 'local' });
  expect(decision.headers()).not.toHaveProperty('Retry-After');
});

test('a decision can be logged as it is', () => {
  expect(JSON.parse(JSON.stringify(decided(question, 0, 'batch')))).toEqual({
    allowed: true,
    limit: 100,
    remaining: 100,
    retryAfterMs: 0,
    resetAfterMs: 0,
    cost: 1,
    policy: 'tb',
    source: 'batch',
  });
});
