import { describe, expect, test } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function connect(url: string): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url, reconnect: { minDelay: 10, maxDelay: 100 } });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return manager;
}

const EVICTING = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];

describe('a server that may evict locks', () => {
  test('is told of once, and locks are granted', async () => {
    const server = await RedisServer.start({ args: EVICTING });
    const manager = await connect(server.url);
    const errors: unknown[] = [];
    manager.on('error', (error) => errors.push(error));
    for (const key of ['a', 'b', 'a']) await (await new DistributedLock(manager, key, '10s').acquire()).release();
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors).toMatchObject([{ source: 'lock.eviction', error: { code: 'RU_CONFIG' } }]);
    expect(String((errors[0] as { error: Error }).error)).toContain('allkeys-lru');
  });

  test('is refused by option, with its policy', async () => {
    const server = await RedisServer.start({ args: EVICTING });
    const lock = new DistributedLock(await connect(server.url), 'k', '10s', { eviction: 'refuse' });
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(lock.tryAcquire()).rejects.toThrow('allkeys-lru');
    expect(await server.command(['EXISTS', 'ru:lock:{k}'])).toBe(0);
  });

  test.each([[['--maxmemory-policy', 'allkeys-lru']], [['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction']]])(
    'is not one with %o',
    async (args) => {
      const server = await RedisServer.start({ args });
      const lock = new DistributedLock(await connect(server.url), 'k', '10s', { eviction: 'refuse' });
      expect(await (await lock.acquire()).release()).toEqual({ status: 'released' });
    },
  );

  test('is believed to be none where it may not be asked, and is not asked again and again', async () => {
    const server = await RedisServer.start({ acl: ['user default on nopass ~* &* +@all -info'] });
    const manager = await connect(server.url);
    const lock = new DistributedLock(manager, 'k', '10s', { eviction: 'refuse' });
    for (let turn = 0; turn < 3; turn += 1) await (await lock.acquire()).release();
  });
});

describe('a quarantine', () => {
  test('lets nothing be granted on a primary that nobody has seen yet, until it is over', async () => {
    const server = await RedisServer.start();
    const [one, other] = [await connect(server.url), await connect(server.url)];
    const startMs = performance.now();
    const lock = new DistributedLock(one, 'k', '10s', { quarantine: 1_500 });
    expect(await lock.tryAcquire()).toBeUndefined();
    await expect(lock.acquire({ timeout: 200 })).rejects.toMatchObject({ code: 'RU_LOCK_TIMEOUT' });
    const guard = await new DistributedLock(other, 'k', '10s', { quarantine: 1_500 }).acquire();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(1_490);
    await guard.release();
    expect(await (await lock.tryAcquire())?.release()).toEqual({ status: 'released' });
  });

  test('begins anew when another server has taken over', async () => {
    const [before, after] = [await RedisServer.start({ port: true }), await RedisServer.start({ port: true })];
    const proxy = await FaultProxy.start(before);
    const manager = await connect(proxy.url);
    const lock = new DistributedLock(manager, 'k', '1s', { quarantine: '1s' });
    await (await lock.acquire({ timeout: '20s' })).release();
    proxy.redirect(after);
    proxy.reset();
    await expect(lock.acquire({ timeout: 500 })).rejects.toMatchObject({ code: 'RU_LOCK_TIMEOUT' });
    await (await lock.acquire({ timeout: '20s' })).release();
    expect(Number(await after.command(['EXISTS', 'ru:lock:{k}']))).toBe(1);
  });

  test('is refused where a primary cannot be told from another', async () => {
    const manager = await RedisManager.connect('memory://quarantine');
    afterThisTest(async () => void (await manager.close()));
    expect(() => new DistributedLock(manager, 'k', '10s', { quarantine: '1s' })).toThrow('lock.quarantine');
  });
});
