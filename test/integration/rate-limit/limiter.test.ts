import { expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { ConfigError } from '../../../src/core/errors.js';
import { LimitStateError, RateLimiter } from '../../../src/rate-limit/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, target } from '../../support/target.js';

noLeaks();

const keyOf = (manager: RedisManager, id: string): string => manager.keySpace('limit').key(id, 'tb');
const dump = (manager: RedisManager, key: string): Promise<string> => manager.command<string>(['GET', key]);

test('a bucket admits its capacity at once, then denies with the time of the next token', async () => {
  const limiter = new RateLimiter(await connect());
  for (let left = 9; left >= 0; left -= 1) {
    const decision = await limiter.checkTokenBucket('user', 10, 0.1);
    expect(decision).toMatchObject({
      allowed: true,
      limit: 10,
      remaining: left,
      retryAfterMs: 0,
      cost: 1,
      policy: 'tb',
    });
    expect(decision.source).toBe('redis');
  }
  const denied = await limiter.checkTokenBucket('user', 10, 0.1);
  expect(denied).toMatchObject({ allowed: false, remaining: 0 });
  expect(denied.retryAfterMs).toBeGreaterThan(9_000);
  expect(denied.retryAfterMs).toBeLessThanOrEqual(10_000);
  expect(denied.resetAfterMs - denied.retryAfterMs).toBe(90_000);
});

test('a denied request is admitted after its retryAfter', async () => {
  const limiter = new RateLimiter(await connect());
  await limiter.checkTokenBucket('soon', 1, 20);
  const denied = await limiter.checkTokenBucket('soon', 1, 20);
  expect(denied.allowed).toBe(false);
  expect(denied.retryAfterMs).toBeLessThanOrEqual(50);
  await new Promise((resolve) => setTimeout(resolve, denied.retryAfterMs + 1));
  expect((await limiter.checkTokenBucket('soon', 1, 20)).allowed).toBe(true);
});

test('the calls of one tick are decided together, as if one after the other', async () => {
  const limiter = new RateLimiter(await connect());
  const decisions = await Promise.all(
    Array.from({ length: 400 }, (_, index) => limiter.checkTokenBucket(index % 2 === 0 ? 'even' : 'odd', 50, 0.01)),
  );
  expect(new Set(decisions.map(({ source }) => source))).toEqual(new Set(['batch']));
  for (const parity of [0, 1]) {
    const mine = decisions.filter((_, index) => index % 2 === parity);
    expect(mine.slice(0, 50).map(({ remaining }) => remaining)).toEqual(Array.from({ length: 50 }, (_, i) => 49 - i));
    expect(mine.slice(50).every(({ allowed }) => !allowed)).toBe(true);
  }
});

test('calls with different limits and costs in one tick each get their own answer', async () => {
  const limiter = new RateLimiter(await connect());
  const decisions = await Promise.all([
    limiter.checkTokenBucket('a', 10, 1, { cost: 4 }),
    limiter.checkTokenBucket('a', 10, 1, { cost: 7 }),
    limiter.checkTokenBucket('b', 3, 7 / 3),
    limiter.checkTokenBucket('a', 10, 1, { cost: 6 }),
    limiter.checkTokenBucket('a', 10, 1, { cost: 0 }),
  ]);
  expect(decisions.map(({ allowed, remaining, cost }) => [allowed, remaining, cost])).toEqual([
    [true, 6, 4],
    [false, 6, 7],
    [true, 2, 1],
    [true, 0, 6],
    [true, 0, 0],
  ]);
});

test('every key has an expiry as long as its time to full, and at most two milliseconds longer', async () => {
  const manager = await connect();
  const limiter = new RateLimiter(manager);
  for (const refill of [3, 0.7, 0.1, 1 / 86_400]) {
    const id = `ttl${refill}`;
    const { resetAfterMs } = await limiter.checkTokenBucket(id, 100, refill, { cost: 9 });
    const ttlMs = await manager.command<number>(['PTTL', keyOf(manager, id)]);
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(resetAfterMs + 2);
    expect(ttlMs).toBeGreaterThan(resetAfterMs - 1000);
  }
});

test('denied requests and requests of cost 0 write nothing, not even an expiry', async () => {
  const manager = await connect();
  const limiter = new RateLimiter(manager);
  expect(await limiter.checkTokenBucket('look', 5, 1, { cost: 0 })).toMatchObject({ allowed: true, remaining: 5 });
  expect(await manager.command(['EXISTS', keyOf(manager, 'look')])).toBe(0);
  await limiter.checkTokenBucket('look', 5, 0.001, { cost: 5 });
  const state = await dump(manager, keyOf(manager, 'look'));
  const expiresAt = await manager.command(['PEXPIRETIME', keyOf(manager, 'look')]);
  expect((await limiter.checkTokenBucket('look', 5, 0.001)).allowed).toBe(false);
  expect((await limiter.checkTokenBucket('look', 5, 0.001, { cost: 0 })).allowed).toBe(true);
  expect(await dump(manager, keyOf(manager, 'look'))).toBe(state);
  expect(await manager.command(['PEXPIRETIME', keyOf(manager, 'look')])).toBe(expiresAt);
});

test('a cost above the capacity is denied for ever, and nothing is sent', async () => {
  const manager = await connect();
  const limiter = new RateLimiter(manager);
  const decision = await limiter.checkTokenBucket('never', 5, 1, { cost: 6 });
  expect(decision).toMatchObject({ allowed: false, retryAfterMs: Infinity, source: 'local', cost: 6, limit: 5 });
  expect(decision.headers()).toEqual({ 'RateLimit-Policy': '"tb";q=5;w=5' });
  expect(await manager.command(['EXISTS', keyOf(manager, 'never')])).toBe(0);
});

test.each([
  ['a counter', ['SET', '5'], ['GET']],
  ['a text', ['SET', 'hello'], ['GET']],
  ['a fraction of more than one', ['SET', '1795379065123456:5:3'], ['GET']],
  ['a list', ['RPUSH', 'x'], ['LRANGE', '0', '-1']],
  ['a hash', ['HSET', 'f', 'v'], ['HGETALL']],
])(
  'a foreign value (%s) fails its own call by name, is left as it is, and harms no other call',
  async (_, [write = '', ...words], [read = '', ...range]) => {
    const manager = await connect();
    const limiter = new RateLimiter(manager);
    const key = keyOf(manager, 'foreign');
    await manager.command([write, key, ...words]);
    const before = await manager.command([read, key, ...range]);
    const [bad, good] = await Promise.allSettled([
      limiter.checkTokenBucket('foreign', 5, 1),
      limiter.checkTokenBucket('mine', 5, 1),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'RU_LIMIT_STATE', key } });
    expect((bad as PromiseRejectedResult).reason).toBeInstanceOf(LimitStateError);
    expect(good).toMatchObject({ status: 'fulfilled', value: { allowed: true, remaining: 4 } });
    expect(await manager.command([read, key, ...range])).toEqual(before);
    expect(await manager.command(['PTTL', key])).toBe(-1);
  },
);

test('under onError a foreign value is answered by policy and reported as an event', async () => {
  const manager = await connect();
  const errors: unknown[] = [];
  manager.on('error', ({ source, error }) => errors.push([source, (error as LimitStateError).code]));
  await manager.command(['SET', keyOf(manager, 'f'), 'x']);
  const limiter = new RateLimiter(manager, { onError: 'open' });
  expect(await limiter.checkTokenBucket('f', 5, 1)).toMatchObject({ allowed: true, source: 'fail-open' });
  expect(await limiter.checkTokenBucket('f', 5, 1, { onError: 'closed' })).toMatchObject({
    allowed: false,
    source: 'fail-closed',
  });
  expect(errors).toEqual([
    ['rate-limit', 'RU_LIMIT_STATE'],
    ['rate-limit', 'RU_LIMIT_STATE'],
  ]);
});

test('two limiters with the same prefix share their buckets, another prefix has its own', async () => {
  const manager = await connect();
  await new RateLimiter(manager).checkTokenBucket('k', 2, 0.01);
  expect((await new RateLimiter(manager).checkTokenBucket('k', 2, 0.01)).remaining).toBe(0);
  const other = new RateLimiter(manager, { prefix: `${manager.config.prefix}-other` });
  expect((await other.checkTokenBucket('k', 2, 0.01)).remaining).toBe(1);
});

test('another limit on the same key keeps the time to full', async () => {
  const limiter = new RateLimiter(await connect());
  await limiter.checkTokenBucket('plan', 100, 0.01, { cost: 50 });
  const faster = await limiter.checkTokenBucket('plan', 1000, 0.1, { cost: 0 });
  expect(faster.remaining).toBe(500);
  const slower = await limiter.checkTokenBucket('plan', 30, 0.003, { cost: 0 });
  expect(slower.remaining).toBe(15);
});

test('an aborted signal ends the wait with its reason, whatever the policy', async () => {
  const manager = await connect();
  const limiter = new RateLimiter(manager, { onError: 'open' });
  const reason = new Error('gone');
  await expect(limiter.checkTokenBucket('s', 5, 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(await manager.command(['EXISTS', keyOf(manager, 's')])).toBe(0);
  const controller = new AbortController();
  const waiting = limiter.checkTokenBucket('s', 5, 1, { signal: controller.signal });
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test('arguments that cannot be used reject with a ConfigError, and nothing is sent', async () => {
  const limiter = new RateLimiter(await connect());
  const check = limiter.checkTokenBucket.bind(limiter);
  const bad = [
    check('k', 0, 1),
    check('k', 1.5, 1),
    check('k', 10, 0),
    check('k', 10, -1),
    check('k', 10, NaN),
    check('k', 1e12, 1 / 3),
    check('', 10, 1),
    check('k', 10, 1, { cost: -1 }),
    check('k', 10, 1, { cost: 0.5 }),
    check('k', 10, 1, { timeout: 0 }),
    check('k', 10, 1, { onError: 'maybe' as 'open' }),
    check('k', 10, 1, { costs: 1 } as object),
  ];
  for (const result of await Promise.allSettled(bad)) {
    expect(result.status).toBe('rejected');
    expect((result as PromiseRejectedResult).reason).toBeInstanceOf(ConfigError);
  }
});

test.skipIf(target.embedded)('a bucket is one small value', async () => {
  const manager = await connect();
  const limiter = new RateLimiter(manager, { prefix: 'p' });
  const bytes = async (refill: number): Promise<number> => {
    const id = `u${refill}`;
    await limiter.checkTokenBucket(id, 100, refill);
    return manager.command<number>(['MEMORY', 'USAGE', manager.keySpace('limit', 'p').key(id, 'tb')]);
  };
  expect(await bytes(10)).toBeLessThanOrEqual(96);
  expect(await bytes(7)).toBeLessThanOrEqual(128);
});
