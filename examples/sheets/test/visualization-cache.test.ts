import { CacheManager, RedisManager } from 'redis-utils';
import { describe, expect, test } from 'vitest';
import { afterThisTest } from '../../../test/support/cleanup.js';
import { eventually } from '../../../test/support/eventually.js';
import { noLeaks } from '../../../test/support/no-leaks.js';
import { RedisServer } from '../../../test/support/redis-server.js';
import { uniquePrefix } from '../../../test/support/target.js';
import { type CacheEntry, VisualizationCache } from '../visualization-cache.js';

noLeaks();

const entry = (ttl = 60): CacheEntry => ({
  visualization: { chart: 'pie', title: 'Votes', labels: ['yes', 'no'], values: [7, 3] },
  drawnAt: new Date('2026-11-22T10:00:00Z'),
  ttl,
});

async function open(url: string): Promise<{ redis: RedisManager; cache: VisualizationCache; failures: string[] }> {
  const redis = await RedisManager.connect({ url, prefix: uniquePrefix(), commandTimeout: 500 });
  afterThisTest(async () => void (await redis.close({ drain: 100 })));
  const caches = new CacheManager(redis, '5m');
  const failures: string[] = [];
  caches.on('error', ({ operation }) => void failures.push(operation));
  return { redis, cache: new VisualizationCache(caches), failures };
}

/** The one key that the test has written. */
async function onlyKey(redis: RedisManager): Promise<string> {
  // beside it there is the epoch of the cache's namespace
  const pattern = `${redis.config.prefix}:cache:*{*`;
  const [, keys] = await redis.command<[string, string[]]>(['SCAN', 0, 'MATCH', pattern, 'COUNT', 1000]);
  expect(keys).toHaveLength(1);
  return keys[0] as string;
}

describe.each([
  ['the embedded engine', async () => `memory://${uniquePrefix()}`],
  ['a real server', async () => (await RedisServer.start()).url],
])('on %s', (_, start) => {
  test('a stored visualization is retrieved as it was, its date included', async () => {
    const { cache } = await open(await start());
    expect(await cache.retrieve('sheet:1')).toBeUndefined();
    await cache.store('sheet:1', entry());
    expect(await cache.retrieve('sheet:1')).toEqual(entry());
    await cache.forget('sheet:1');
    expect(await cache.retrieve('sheet:1')).toBeUndefined();
  });

  test('an entry lives for its own ttl', async () => {
    const { redis, cache } = await open(await start());
    await cache.store('sheet:1', entry(1));
    const ttlMs = await redis.command<number>(['PTTL', await onlyKey(redis)]);
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(1000);
    await eventually(async () => (await cache.retrieve('sheet:1')) === undefined);
  });

  test('statistics tell hits, misses and their share', async () => {
    const { cache } = await open(await start());
    expect(cache.statistics()).toMatchObject({ hits: 0, misses: 0, hitRate: 0, errors: 0 });
    await cache.retrieve('sheet:1');
    await cache.store('sheet:1', entry());
    for (let look = 0; look < 3; look += 1) await cache.retrieve('sheet:1');
    expect(cache.statistics()).toMatchObject({ hits: 3, misses: 1, hitRate: 0.75, errors: 0 });
  });

  test('a damaged entry is never shown: it is a miss that is counted, and stored over', async () => {
    const { redis, cache, failures } = await open(await start());
    await cache.store('sheet:1', entry());
    const key = await onlyKey(redis);
    const bytes = await redis.command<Buffer>(['GET', key], { reply: 'bytes' });
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await redis.command(['SET', key, bytes, 'KEEPTTL']);
    expect(await cache.retrieve('sheet:1')).toBeUndefined();
    expect(cache.statistics()).toMatchObject({ hits: 0, misses: 1, errors: 1 });
    expect(failures).toEqual(['get']);
    await cache.store('sheet:1', entry());
    expect(await cache.retrieve('sheet:1')).toEqual(entry());
  });
});

test('with Redis killed the app goes on without its cache, and uses it again when Redis is back', async () => {
  const server = await RedisServer.start();
  const { cache, failures } = await open(server.url);
  await cache.store('sheet:1', entry());
  await server.kill();
  expect(await cache.retrieve('sheet:1')).toBeUndefined();
  await cache.store('sheet:1', entry());
  expect(failures).toEqual(['get', 'set']);
  expect(cache.statistics()).toMatchObject({ misses: 1, errors: 2 });
  await server.restart();
  await eventually(async () => {
    await cache.store('sheet:1', entry());
    expect(await cache.retrieve('sheet:1')).toEqual(entry());
  });
});
