import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions } from '../../../src/cache/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, uniquePrefix } from '../../support/target.js';
import { warm } from './warm.js';

noLeaks();

interface Opened {
  readonly near: CacheManager;
  /** Another process, which keeps nothing near. */
  readonly other: CacheManager;
  readonly root: string;
  readonly manager: RedisManager;
}

/** A cache whose copies are told of changes. */
async function open(options: CacheOptions = {}): Promise<Opened> {
  const prefix = uniquePrefix();
  const [manager, elsewhere] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  const near = new CacheManager(manager, '5m', { near: {}, ...options });
  const other = new CacheManager(elsewhere, '5m');
  await other.set('probe', 0);
  await eventually(async () => {
    await near.get('probe');
    return near.stats().nearHits > 0;
  });
  return { near, other, root: `${prefix}:cache:`, manager };
}

const never = (): never => expect.unreachable();

describe('a value that was read once', () => {
  test('is served from near, to every kind of read, without a command', async () => {
    const { near, other, manager } = await open();
    const sent: unknown[] = [];
    await other.set('k', { a: [1, { b: 2 }] });
    expect(await warm(near, 'k')).toEqual({ a: [1, { b: 2 }] });
    const command = manager.command.bind(manager);
    Object.assign(manager, {
      command: (words: string[], options: object) => {
        sent.push(words);
        return command(words, options);
      },
    });
    const all = [near.get('k'), near.getOrSet('k', never), near.get('k', { timeout: '1s' })];
    expect(await Promise.all(all)).toEqual(all.map(() => ({ a: [1, { b: 2 }] })));
    expect((await near.getMany(['k'])).get('k')).toEqual({ a: [1, { b: 2 }] });
    expect(sent).toEqual([]);
    expect(near.stats().near?.entries).toBeGreaterThan(0);
  });

  test.each<[string, (opened: Opened) => Promise<unknown>, unknown]>([
    ['set by another process', ({ other }) => other.set('k', 'new'), 'new'],
    ['deleted by another process', ({ other }) => other.delete('k'), undefined],
    ['marked stale', ({ other }) => other.markStale('k'), undefined],
    ['taken', ({ other }) => other.getAndDelete('k'), undefined],
    ['cleared with its namespace', ({ other }) => other.clear(), undefined],
    ['invalidated by a tag', ({ other }) => other.invalidateTags('t'), undefined],
    ['removed by anybody', ({ root }) => raw(['DEL', `${root}{k}`]), undefined],
    ['expired', ({ root }) => raw(['PEXPIRE', `${root}{k}`, '1']), undefined],
    ['robbed of its epoch', ({ root }) => raw(['DEL', `${root}epoch`]), undefined],
    ['robbed of the epoch of a tag', ({ root }) => raw(['DEL', `${root}tag:{t}`]), undefined],
  ])('and is %s, is not served any more', async (_what, change, expected) => {
    const opened = await open();
    await opened.other.set('k', 'old', { tags: ['t'], grace: '1m' });
    expect(await warm(opened.near, 'k')).toBe('old');
    await change(opened);
    await eventually(async () => (await opened.near.get('k')) === expected);
    expect(await opened.near.get('k')).toBe(expected);
  });

  test.each<[string, (cache: CacheManager) => Promise<unknown>, unknown]>([
    ['set', (cache) => cache.set('k', 'new'), 'new'],
    ['setMany', (cache) => cache.setMany([['k', 'new']]), 'new'],
    ['delete', (cache) => cache.delete('k'), undefined],
    ['markStale', (cache) => cache.markStale('k'), undefined],
    ['clear', (cache) => cache.clear(), undefined],
    ['invalidateTags', (cache) => cache.invalidateTags('t'), undefined],
    ['getAndDelete', (cache) => cache.getAndDelete('k'), undefined],
    ['a forced load', (cache) => cache.getOrSet('k', () => 'new', { force: true }), 'new'],
  ])('is not served to those who call after this process has called %s', async (_what, change, expected) => {
    const { near, other } = await open();
    await other.set('k', 'old', { tags: ['t'], grace: '1m' });
    expect(await warm(near, 'k')).toBe('old');
    await change(near);
    expect(await near.get('k')).toBe(expected);
  });

  test('is not served beyond its end, however it was written', async () => {
    const { near, other } = await open();
    await other.set('plain', 1, 600);
    await other.getOrSet('loaded', () => 2, { ttl: 600, jitter: 0, earlyRefresh: false });
    await eventually(async () => (await near.get('loaded')) === 2);
    await Promise.all([near.get('plain'), near.get('loaded')]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await Promise.all([near.get('plain'), near.get('loaded')])).toEqual([undefined, undefined]);
  });
});

test.each<[string, (cache: CacheManager) => Promise<unknown>, unknown]>([
  ['set', (cache) => cache.set('k', 'new'), 'new'],
  ['delete', (cache) => cache.delete('k'), undefined],
  ['getAndDelete', (cache) => cache.getAndDelete('k'), undefined],
])('a read that is called right behind a %s of its process sees it', async (_what, change, expected) => {
  const { near, other } = await open();
  await other.set('k', 'old');
  expect(await warm(near, 'k')).toBe('old');
  const [, seen] = await Promise.all([change(near), near.get('k')]);
  expect(seen).toBe(expected);
});

describe('isolation', () => {
  const VALUES = {
    plain: { a: [1] },
    date: { at: new Date(5) },
    bytes: { b: Buffer.from('x') },
    text: 'x',
    none: null,
  };

  test('by default shares what is frozen, and decodes the rest for each', async () => {
    const { near, other } = await open();
    for (const [key, value] of Object.entries(VALUES)) {
      await other.set(key, value);
      expect(await warm(near, key)).toEqual(value);
    }
    const plain = await near.get<{ a: number[] }>('plain');
    expect(plain).toBe(await near.get('plain'));
    expect(() => plain?.a.push(2)).toThrow(TypeError);
    const date = await near.get<{ at: Date }>('date');
    date?.at.setTime(0);
    expect(await near.get('date')).toEqual(VALUES.date);
    const bytes = await near.get<{ b: Buffer }>('bytes');
    bytes?.b.fill(0);
    expect(await near.get('bytes')).toEqual(VALUES.bytes);
  });

  test('that freezes, does so before a value comes from near, too', async () => {
    const { near } = await open();
    const loaded = await near.getOrSet('k', () => ({ a: [1] }));
    expect(Object.isFrozen(loaded.a)).toBe(true);
    const read = await near.get<{ a: number[] }>('k');
    expect(Object.isFrozen(read?.a)).toBe(true);
  });

  test('by `clone` gives everybody an object of his own, and by `share` one to all', async () => {
    for (const [isolation, isShared] of [
      ['clone', false],
      ['share', true],
    ] as const) {
      const { near, other } = await open({ near: { isolation } });
      await other.set('k', { a: [1] });
      await warm(near, 'k');
      const [one, two] = await Promise.all([near.get<{ a: number[] }>('k'), near.get<{ a: number[] }>('k')]);
      expect(one === two).toBe(isShared);
      one?.a.push(2);
      expect(await near.get('k')).toEqual({ a: isShared ? [1, 2] : [1] });
    }
  });
});

test('what is kept near is bounded by entries and by bytes', async () => {
  const { near, other } = await open({ near: { maxEntries: 5, maxBytes: 4_000 } });
  await other.setMany(Array.from({ length: 50 }, (_, index) => [`k${index}`, 'x'.repeat(300)]));
  await other.set('huge', 'x'.repeat(5_000));
  const keys = ['huge', ...Array.from({ length: 50 }, (_, index) => `k${index}`)];
  for (let round = 0; round < 3; round += 1) {
    expect((await near.getMany(keys)).size).toBe(51);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { entries = 0, bytes = 0 } = near.stats().near ?? {};
    expect(entries).toBeLessThanOrEqual(5);
    expect(bytes).toBeLessThanOrEqual(4_000);
  }
  expect(near.stats().near?.entries).toBeGreaterThan(0);
});

test('a namespace shares what is kept near, or keeps nothing', async () => {
  const { near, other } = await open();
  const [inner, apart] = [near.namespace('n'), near.namespace('n', { near: false })];
  await other.namespace('n').set('k', 1);
  expect(await warm(inner, 'k')).toBe(1);
  expect(await apart.get('k')).toBe(1);
  expect(apart.stats()).toMatchObject({ nearHits: 0, near: undefined });
  await apart.set('k', 2);
  expect(await inner.get('k')).toBe(2);
});

test('those who make a namespace anew find what it keeps near, also when that took the place of all it had', async () => {
  const { near, other } = await open({ near: { maxEntries: 1 } });
  const namespace = near.namespace('n');
  await Promise.all(['a', 'b'].map((key) => other.namespace('n').set(key, key)));
  await warm(namespace, 'a');
  await warm(namespace, 'b');
  const again = near.namespace('n');
  expect(await again.get('b')).toBe('b');
  expect(again.stats().nearHits).toBe(1);
});

test('counters, what a read prolongs and what is not there are always looked up', async () => {
  const { near, other } = await open();
  await other.increment('n');
  await other.set('s', 1, { sliding: true });
  const before = near.stats().nearHits;
  for (let round = 0; round < 3; round += 1) {
    expect(await Promise.all([near.get('n'), near.get('s'), near.get('none')])).toEqual([1, 1, undefined]);
  }
  expect(near.stats().nearHits).toBe(before);
});

test('a namespace that keeps something else near than the whole cache is refused', async () => {
  const cache = new CacheManager(await connect(), '5m', { near: {} });
  expect(() => cache.namespace('n', { near: {} as false })).toThrow(expect.objectContaining({ code: 'RU_CONFIG' }));
  await cache.close();
});
