import { describe, expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';

noLeaks();

async function open(): Promise<{ cache: CacheManager; manager: RedisManager; full: (key: string) => string }> {
  const manager = await connect();
  const space = manager.keySpace('cache');
  return { cache: new CacheManager(manager, '5m'), manager, full: (key) => space.key(key) };
}

describe('increment', () => {
  test('starts at 0, adds exactly under concurrency, and is read by get as a number', async () => {
    const { cache } = await open();
    const results = await Promise.all(Array.from({ length: 200 }, () => cache.increment('n')));
    expect(results.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect(await cache.increment('n', -50)).toBe(150);
    expect(await cache.get('n')).toBe(150);
    expect(await cache.has('n')).toBe(true);
    expect(await cache.getMany(['n'])).toEqual(new Map([['n', 150]]));
    expect(await cache.getAndDelete('n')).toBe(150);
    expect(await cache.get('n')).toBeUndefined();
  });

  test('gives the counter a lifetime once, and does not prolong it', async () => {
    const { cache, manager, full } = await open();
    await cache.increment('n', 1, '10s');
    await cache.increment('n', 1, '1h');
    expect(await manager.command<number>(['PTTL', full('n')])).toBeLessThanOrEqual(10_000);
  });

  test('heals a counter that has lost its expiry', async () => {
    const { cache, manager, full } = await open();
    await cache.increment('n');
    await manager.command(['PERSIST', full('n')]);
    expect(await cache.increment('n', 1, '10s')).toBe(2);
    const left = await manager.command<number>(['PTTL', full('n')]);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(10_000);
  });

  test('is exact up to 2^53 − 1 in both directions, and refuses to leave that range', async () => {
    const { cache } = await open();
    const max = Number.MAX_SAFE_INTEGER;
    expect(await cache.increment('up', max)).toBe(max);
    await expect(cache.increment('up')).rejects.toMatchObject({ code: 'RU_CACHE_COUNTER', reason: 'overflow' });
    await expect(cache.increment('up', max)).rejects.toMatchObject({ reason: 'overflow' });
    expect(await cache.increment('up', -1)).toBe(max - 1);
    expect(await cache.increment('down', -max)).toBe(-max);
    await expect(cache.increment('down', -1)).rejects.toMatchObject({ reason: 'overflow' });
    expect(await cache.get('down')).toBe(-max);
  });

  test('refuses what is no counter and leaves it as it is', async () => {
    const { cache, manager, full } = await open();
    await cache.set('value', 5);
    await manager.command(['SET', full('text'), '007', 'PX', 60_000]);
    await manager.command(['SET', full('huge'), '9'.repeat(30), 'PX', 60_000]);
    await manager.command(['RPUSH', full('list'), 'x']);
    for (const key of ['value', 'text', 'list']) {
      await expect(cache.increment(key), key).rejects.toMatchObject({ key, reason: 'not-a-counter' });
    }
    await expect(cache.increment('huge')).rejects.toMatchObject({ reason: 'overflow' });
    await manager.command(['SET', full('inexact'), '9007199254740993', 'PX', 60_000]);
    await expect(cache.increment('inexact', -1000)).rejects.toMatchObject({ reason: 'overflow' });
    expect(await cache.get('value')).toBe(5);
    expect(await manager.command(['GET', full('text')])).toBe('007');
    await manager.command(['DEL', full('list')]);
  });
});

describe('setIfAbsent', () => {
  test('lets exactly one of many concurrent callers win', async () => {
    const { cache } = await open();
    const won = await Promise.all(Array.from({ length: 50 }, (_, index) => cache.setIfAbsent('k', index)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await cache.get('k')).toBe(won.indexOf(true));
  });

  test('wins again after the expiry, and is refused by an entry of another version', async () => {
    const { cache, manager } = await open();
    expect(await cache.setIfAbsent('k', 1, 1)).toBe(true);
    await eventually(() => cache.setIfAbsent('k', 2, '1m'));
    const next = new CacheManager(manager, '5m', { version: '2' });
    expect(await next.get('k')).toBeUndefined();
    expect(await next.setIfAbsent('k', 3)).toBe(false);
  });
});

test('getAndDelete gives a value to exactly one of many concurrent callers', async () => {
  const { cache } = await open();
  await cache.set('k', { once: true });
  const taken = await Promise.all(Array.from({ length: 50 }, () => cache.getAndDelete('k')));
  expect(taken.filter((value) => value !== undefined)).toEqual([{ once: true }]);
});

describe('touch', () => {
  test('moves the expiry of what is there in both directions, and says false for what is not', async () => {
    const { cache, manager, full } = await open();
    await cache.set('k', 1, '10s');
    expect(await cache.touch('k', '1h')).toBe(true);
    expect(await manager.command<number>(['PTTL', full('k')])).toBeGreaterThan(3_000_000);
    expect(await cache.touch('k', 1)).toBe(true);
    await eventually(async () => (await cache.get('k')) === undefined);
    expect(await cache.touch('k', '1h')).toBe(false);
    expect(await cache.has('k')).toBe(false);
  });
});

test('no call leaves a key without an expiry', async () => {
  const { cache, manager, full } = await open();
  await cache.set('set', 1);
  await cache.setMany([['many', 1]]);
  await cache.setIfAbsent('absent', 1);
  await cache.increment('counter');
  await cache.getOrSet('loaded', () => 1);
  await cache.getOrSet('loaded', () => 2, { force: true });
  await cache.touch('set', '1h');
  for (const key of ['set', 'many', 'absent', 'counter', 'loaded']) {
    expect(await manager.command<number>(['PTTL', full(key)]), key).toBeGreaterThan(0);
  }
});
