import { expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/index.js';
import { RateLimiter } from '../../../src/rate-limit/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function start(): Promise<{ server: RedisServer; manager: RedisManager; limiter: RateLimiter }> {
  const server = await RedisServer.start();
  const manager = await RedisManager.connect({ url: server.url, commandTimeout: 5_000 });
  afterThisTest(async () => void (await manager.close({ drain: 100 })));
  return { server, manager, limiter: new RateLimiter(manager, { timeout: 150 }) };
}

const many = (limiter: RateLimiter, onError: 'open' | 'closed' | 'throw'): Promise<PromiseSettledResult<unknown>[]> =>
  Promise.allSettled(
    Array.from({ length: 300 }, (_, index) => limiter.checkTokenBucket(`k${index}`, 9, 1, { onError })),
  );

test('with the server frozen every decision is made by its policy within the timeout', async () => {
  const { server, manager, limiter } = await start();
  await limiter.checkTokenBucket('warm', 9, 1);
  const errors: unknown[] = [];
  manager.on('error', ({ source }) => errors.push(source));
  server.pause();
  const startedAt = performance.now();
  const [open, closed, thrown] = await Promise.all([
    many(limiter, 'open'),
    many(limiter, 'closed'),
    many(limiter, 'throw'),
  ]);
  const tookMs = performance.now() - startedAt;
  server.resume();
  expect(tookMs).toBeGreaterThanOrEqual(149);
  expect(tookMs).toBeLessThan(600);
  for (const one of open) expect(one).toMatchObject({ value: { allowed: true, source: 'fail-open', remaining: 0 } });
  for (const one of closed) expect(one).toMatchObject({ value: { allowed: false, source: 'fail-closed' } });
  for (const one of thrown) expect(one).toMatchObject({ reason: { code: 'RU_TIMEOUT', outcome: 'unknown' } });
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.length, 'one event per batch, not one per call').toBeLessThan(20);
  await eventually(async () => (await limiter.checkTokenBucket('warm', 9, 1)).source === 'redis');
});

test('a decision that timed out is never sent again', async () => {
  const { server, limiter } = await start();
  await limiter.checkTokenBucket('once', 100, 0.0001);
  server.pause();
  await expect(limiter.checkTokenBucket('once', 100, 0.0001)).rejects.toMatchObject({ code: 'RU_TIMEOUT' });
  server.resume();
  const look = (): Promise<number> =>
    limiter.checkTokenBucket('once', 100, 0.0001, { cost: 0 }).then((d) => d.remaining);
  // the frozen server had received the request, so it runs once when it is back
  await eventually(async () => expect([98, 99]).toContain(await look()));
  for (let turn = 0; turn < 5; turn += 1) expect(await look()).toBeGreaterThanOrEqual(98);
});

test('a timeout of its own ends only that wait, earlier or later than the others', async () => {
  const { server, limiter } = await start();
  await limiter.checkTokenBucket('k', 9, 1);
  server.pause();
  const order: string[] = [];
  const note =
    (name: string) =>
    (error: { timeoutMs: number }): void =>
      void order.push(`${name} ${error.timeoutMs}`);
  await Promise.all([
    limiter.checkTokenBucket('k', 9, 1, { timeout: 400 }).catch(note('long')),
    limiter.checkTokenBucket('k', 9, 1, { timeout: 30 }).catch(note('short')),
    limiter.checkTokenBucket('k', 9, 1).catch(note('default')),
    limiter.checkTokenBucket('k', 9, 1, { timeout: 200 }).catch(note('middle')),
  ]);
  server.resume();
  expect(order).toEqual(['short 30', 'default 150', 'middle 200', 'long 400']);
});

test('with the server killed every decision in flight and after is made by its policy, until it is back', async () => {
  const { server, limiter } = await start();
  await limiter.checkTokenBucket('k', 9, 1);
  server.pause();
  const inFlight = Promise.all([many(limiter, 'open'), many(limiter, 'throw')]);
  await server.kill();
  const [open, thrown] = await inFlight;
  expect(open.every((one) => one.status === 'fulfilled')).toBe(true);
  for (const one of thrown) expect(one).toMatchObject({ status: 'rejected', reason: { outcome: 'unknown' } });
  await eventually(async () => {
    const [later] = await Promise.allSettled([limiter.checkTokenBucket('k', 9, 1)]);
    expect(later).toMatchObject({ status: 'rejected', reason: { code: 'RU_CONNECTION', outcome: 'not-sent' } });
  });
  expect(await limiter.checkTokenBucket('k', 9, 1, { onError: 'closed' })).toMatchObject({ allowed: false });
  await server.restart();
  await eventually(async () => (await limiter.checkTokenBucket('k', 9, 1)).source === 'redis', { within: 8_000 });
});

test('a key without permission fails alone; the other calls of its tick are decided', async () => {
  const server = await RedisServer.start({
    acl: ['user default on nopass ~* &* +@all', 'user app on >pw ~ru:limit:{mine*  +@all'],
  });
  const manager = await RedisManager.connect({ url: server.url, username: 'app', password: 'pw' });
  afterThisTest(async () => void (await manager.close()));
  const limiter = new RateLimiter(manager);
  const results = await Promise.allSettled(
    ['mine1', 'theirs', 'mine2', 'mine1'].map((key) => limiter.checkTokenBucket(key, 9, 0.001)),
  );
  expect(results).toMatchObject([
    { value: { allowed: true, remaining: 8 } },
    { reason: { code: 'RU_SERVER', replyCode: 'NOPERM' } },
    { value: { allowed: true, remaining: 8 } },
    { value: { allowed: true, remaining: 7 } },
  ]);
});

test('an emptied script cache costs a second round trip and takes nothing twice', async () => {
  const { server, limiter } = await start();
  expect((await limiter.checkTokenBucket('k', 9, 0.001)).remaining).toBe(8);
  await server.command(['SCRIPT', 'FLUSH']);
  expect((await limiter.checkTokenBucket('k', 9, 0.001)).remaining).toBe(7);
});

test('a server that refuses writes for want of memory decides nothing and takes nothing', async () => {
  const { server, limiter } = await start();
  await server.command(['CONFIG', 'SET', 'maxmemory', '1']);
  await expect(limiter.checkTokenBucket('k', 9, 1)).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'OOM' });
  expect(await limiter.checkTokenBucket('k', 9, 1, { onError: 'open' })).toMatchObject({ source: 'fail-open' });
  await server.command(['CONFIG', 'SET', 'maxmemory', '0']);
  expect((await limiter.checkTokenBucket('k', 9, 1)).remaining).toBe(8);
});

test('after close every decision is made by its policy', async () => {
  const { manager, limiter } = await start();
  await manager.close();
  await expect(limiter.checkTokenBucket('k', 9, 1)).rejects.toMatchObject({ code: 'RU_CLOSED' });
  expect(await limiter.checkTokenBucket('k', 9, 1, { onError: 'open' })).toMatchObject({ source: 'fail-open' });
});
