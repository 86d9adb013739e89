import { tracingChannel } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { CacheManager, type CacheOperationTrace } from '../../../src/cache/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';

noLeaks();

test('events tell of stale values that were served and of loads that were not stored, also to the cache above', async () => {
  const cache = new CacheManager(await connect(), '5m');
  const inner = cache.namespace('inner');
  const told: unknown[] = [];
  for (const event of ['stale', 'fenced'] as const) cache.on(event, ({ key }) => told.push([event, key]));
  const off = inner.on('stale', () => told.push('inner'));
  await inner.set('k', 'old', { grace: '1m' });
  await inner.markStale('k');
  expect(await inner.getOrSet('k', () => 'new')).toBe('old');
  await eventually(async () => (await inner.get('k')) === 'new');
  off();
  await cache.getOrSet('f', async () => {
    await cache.delete('f');
    return 1;
  });
  await eventually(() => told.length === 3);
  expect(told).toEqual(['inner', ['stale', 'k'], ['fenced', 'f']]);
});

test('the statistics say where values were found, and why not', async () => {
  const prefix = uniquePrefix();
  const [one, two] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  const cache = new CacheManager(one, '5m', { near: {} });
  const other = new CacheManager(two, '5m');
  await other.set('k', 1, { tags: ['t'] });
  await eventually(async () => {
    await cache.get('k');
    return cache.stats().nearHits > 0;
  });
  const { near, hits, nearHits, journal } = cache.stats();
  expect(near).toMatchObject({ entries: 1 });
  expect(near?.bytes).toBeGreaterThan(200);
  expect(hits).toBeGreaterThan(nearHits);
  expect(journal).toEqual({ pending: 0, replayed: 0 });
  await other.invalidateTags('t');
  await eventually(async () => (await cache.get('k')) === undefined);
  await cache.get('none');
  expect(cache.stats().missesBy).toMatchObject({ invalidated: 1, absent: 1, cleared: 0 });
});

test('what is kept near says when it can be relied on', async () => {
  const cache = new CacheManager(await connect(), '5m', { near: {} });
  const told: unknown[] = [];
  cache.on('armed', ({ blindMs }) => told.push(typeof blindMs));
  await cache.get('k');
  await eventually(() => told.length === 1);
  expect(told).toEqual(['number']);
});

test('a tracing channel follows each call, with its failure, and no value', async () => {
  const seen: CacheOperationTrace[] = [];
  const subscriber = {
    start: () => {},
    end: () => {},
    asyncStart: () => {},
    asyncEnd: (trace: CacheOperationTrace) => void seen.push(trace),
    error: () => {},
  };
  const channel = tracingChannel<unknown, CacheOperationTrace>('redis-utils:cache');
  channel.subscribe(subscriber);
  afterThisTest(() => channel.unsubscribe(subscriber));
  const manager = await connect();
  const cache = new CacheManager(manager, '5m').namespace('n');
  await cache.set('k', 'secret');
  await cache.get('k');
  await cache.getOrSet('l', () => 'secret');
  await cache.getMany(['k', 'l']);
  await cache.delete('k', 'l');
  await expect(cache.getOrSet('x', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(cache.get('')).rejects.toThrow();
  const root = `${manager.config.prefix}:cache:@n:`;
  expect(seen.map(({ operation, key, error }) => [operation, key, error instanceof Error])).toEqual([
    ['set', 'k', false],
    ['get', 'k', false],
    ['getOrSet', 'l', false],
    ['getMany', undefined, false],
    ['delete', undefined, false],
    ['getOrSet', 'x', true],
    ['get', '', true],
  ]);
  expect(new Set(seen.map((trace) => trace.root))).toEqual(new Set([root]));
  expect(JSON.stringify(seen)).not.toContain('secret');
});
