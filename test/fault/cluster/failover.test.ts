import { describe, expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import { RateLimiter } from '../../../src/rate-limit/index.js';
import { SessionManager } from '../../../src/session/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { CountingLoad } from './counting-load.js';
import { connect, startCluster } from './start-cluster.js';

noLeaks();
const cluster = startCluster();

const TIMEOUT_MS = 5_000;

describe('a failover that was asked for', () => {
  test('under load loses no acknowledged write, runs nothing twice, and keeps nobody waiting', async () => {
    const manager = await connect(cluster().url, { commandTimeout: TIMEOUT_MS });
    const keys = Array.from({ length: 60 }, (_, index) => `failover${index}`);
    const load = CountingLoad.start(manager, keys, 600);
    await eventually(() => load.acknowledged() > 5_000);
    await cluster().failover('failover0');
    const so = load.acknowledged('failover0');
    await eventually(() => load.acknowledged('failover0') > so + 50);
    await load.stop();
    expect(load.slowestMs).toBeLessThan(TIMEOUT_MS + 200);
    for (const { key, least, value, most } of await load.audit()) {
      expect({ key, isRight: value >= least && value <= most, least, value, most }).toMatchObject({ isRight: true });
    }
    // the server holds writes back while it hands over, and then says where they belong
    expect(load.failures).toEqual([]);
  });

  test('leaves a lock with its holder: renewed by the successor, refused to others, the next fence higher', async () => {
    const [mine, others] = [await connect(cluster().url), await connect(cluster().url)];
    const lock = new DistributedLock(mine, 'job', '2s');
    const rival = new DistributedLock(others, 'job', '2s');
    const guard = await lock.acquire();
    await cluster().failover('{job}');
    expect(await rival.tryAcquire()).toBeUndefined();
    await guard.extend('3s');
    expect(await guard.verify()).toBe(true);
    expect(guard.state).toBe('held');
    expect(await guard.release()).toEqual({ status: 'released' });
    const next = await rival.acquire();
    expect(next.fence).toBeGreaterThan(guard.fence);
    await next.release();
  });

  test('lets no two contenders hold a lock at once, by their fences', async () => {
    const managers = await Promise.all([0, 1, 2, 3].map(() => connect(cluster().url)));
    const fences: bigint[] = [];
    let holders = 0;
    let mostHolders = 0;
    let isOver = false;
    const contenders = managers.map(async (manager) => {
      const lock = new DistributedLock(manager, 'contended', '5s');
      while (!isOver) {
        const guard = await lock.acquire();
        mostHolders = Math.max(mostHolders, (holders += 1));
        fences.push(guard.fence);
        await new Promise(setImmediate);
        holders -= 1;
        await guard.release();
      }
    });
    await eventually(() => fences.length > 50);
    await cluster().failover('{contended}');
    const so = fences.length;
    await eventually(() => fences.length > so + 50);
    isOver = true;
    await Promise.all(contenders);
    expect(mostHolders).toBe(1);
    expect(fences).toEqual(fences.toSorted((a, b) => Number(a - b)));
    expect(new Set(fences).size).toBe(fences.length);
  });

  test('takes along limits, cached values and sessions', async () => {
    const manager = await connect(cluster().url);
    const limiter = new RateLimiter(manager);
    const cache = new CacheManager(manager, '1m');
    const sessions = new SessionManager<{ name: string; visits?: number }>(cache);
    const take = async (): Promise<boolean> => (await limiter.checkTokenBucket('user', 10, 0.001)).allowed;
    const ids = await Promise.all(Array.from({ length: 20 }, () => sessions.createSession({ name: 'Ada' })));
    const names = Array.from({ length: 20 }, (_, index) => `value${index}`);
    await Promise.all(names.map((name) => cache.set(name, { name })));
    expect(await Promise.all([0, 1, 2, 3].map(take))).toEqual([true, true, true, true]);
    for (const slot of [0, 8_000, 16_000]) await cluster().failover(slot);
    expect(await Promise.all(Array.from({ length: 8 }, take))).toEqual([...Array<boolean>(6).fill(true), false, false]);
    const found = await cache.getMany(names);
    expect(names.map((name) => found.get(name))).toEqual(names.map((name) => ({ name })));
    const views = await Promise.all(ids.map((id) => sessions.updateSession(id, { visits: 1 })));
    expect(views.map((view) => view?.data)).toEqual(ids.map(() => ({ name: 'Ada', visits: 1 })));
    expect(await sessions.destroySession(String(ids[0]))).toBe(true);
    expect(await sessions.getSession(String(ids[0]))).toBeUndefined();
  });

  test('disturbs no subscription', async () => {
    const pubsub = new PubSubManager(await connect(cluster().url));
    const subscription = await pubsub.subscribe<number>('news');
    const gaps: unknown[] = [];
    subscription.onGap((gap) => gaps.push(gap));
    const reading = subscription[Symbol.asyncIterator]();
    for (const [index, slot] of [0, 8_000, 16_000].entries()) {
      await cluster().failover(slot);
      await pubsub.publish('news', index);
      expect((await reading.next()).value).toMatchObject({ data: index });
    }
    expect(gaps).toEqual([]);
  });
});
