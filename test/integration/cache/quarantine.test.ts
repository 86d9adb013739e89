import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions } from '../../../src/cache/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, uniquePrefix } from '../../support/target.js';

noLeaks();

/** Long enough for a busy machine to come to the point. */
const QUARANTINE_MS = 1_500;

/** What two processes have whose source is a replica that lags behind. */
async function openTwo(options?: CacheOptions) {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  const terms = { quarantine: QUARANTINE_MS, ...options };
  return { a: new CacheManager(a, '5m', terms), b: new CacheManager(b, '5m', terms), key: `${prefix}:cache:{k}` };
}

const LOAD = { tags: ['t'], grace: '1h', jitter: 0, earlyRefresh: false } as const;

describe.each<[string, (cache: CacheManager) => Promise<unknown>]>([
  ['delete', (cache) => cache.delete('k')],
  ['clear', (cache) => cache.clear()],
  ['invalidateTags', (cache) => cache.invalidateTags('t', { mode: 'drop' })],
  ['markStale', (cache) => cache.markStale('k')],
])('what a lagging source still answers with after a %s', (name, invalidate) => {
  test('is kept no longer than the quarantine, and is not served as stale after it', async () => {
    const { a, b, key } = await openTwo();
    await b.getOrSet('k', () => 'old', LOAD);
    await eventually(async () => (await b.get('k')) === 'old');
    await invalidate(a);
    const softTimeout = name === 'markStale' ? '5s' : 0;
    expect(await b.getOrSet('k', () => 'lagging', { ...LOAD, softTimeout })).toBe('lagging');
    await eventually(async () => (await a.entry('k'))?.value === 'lagging');
    const leftMs = Number(await raw(['PTTL', key]));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(QUARANTINE_MS);
    await new Promise((resolve) => setTimeout(resolve, leftMs + 20));
    expect(await b.getOrSet('k', () => 'new', LOAD)).toBe('new');
    await eventually(async () => Number(await raw(['PTTL', key])) > 60_000);
    expect(await a.get('k')).toBe('new');
  });
});

test('a load in progress when the key is deleted stores nothing, as ever', async () => {
  const { a, b } = await openTwo();
  let isDeleted = false;
  const value = await b.getOrSet('k', async () => {
    await a.delete('k');
    isDeleted = true;
    return 'before';
  });
  expect([value, isDeleted]).toEqual(['before', true]);
  await eventually(() => b.stats().fenced === 1);
  expect(await a.get('k')).toBeUndefined();
});

test('what is removed is gone at once, counted, and leaves the key free', async () => {
  const { a, b, key } = await openTwo();
  await a.set('k', 1);
  expect([await b.delete('k', 'none'), await b.delete('k')]).toEqual([1, 0]);
  expect([await a.get('k'), await a.has('k'), (await a.entry('k'))?.state]).toEqual([undefined, false, 'loading']);
  expect(Number(await raw(['PTTL', key]))).toBeLessThanOrEqual(QUARANTINE_MS);
  expect(await a.setIfAbsent('k', 2)).toBe(true);
  expect(await b.get('k')).toBe(2);
  await b.delete('k');
  await a.set('k', 3);
  expect(Number(await raw(['PTTL', key]))).toBeGreaterThan(60_000);
});

test('a load that fails, or has nothing, does not end the quarantine', async () => {
  const { a, b, key } = await openTwo();
  await a.set('k', 1);
  await b.delete('k');
  await expect(a.getOrSet('k', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await a.getOrSet('k', () => undefined)).toBeUndefined();
  expect(await b.getOrSet('k', () => 'lagging', LOAD)).toBe('lagging');
  await eventually(async () => (await a.get('k')) === 'lagging');
  expect(Number(await raw(['PTTL', key]))).toBeLessThanOrEqual(QUARANTINE_MS);
});

test('nothing is prolonged by reads that was loaded in a quarantine, or confirmed by its source', async () => {
  const { a, b, key } = await openTwo();
  await b.delete('k');
  await a.getOrSet('k', () => 1, { ttl: '1m', sliding: true });
  await eventually(async () => (await b.get('k')) === 1);
  await a.set('l', 'right', { grace: '1h' });
  await b.markStale('l');
  expect(await a.getOrSet('l', ({ notModified }) => notModified(), { ...LOAD, softTimeout: '5s' })).toBe('right');
  expect(Number(await raw(['PTTL', key]))).toBeLessThanOrEqual(QUARANTINE_MS);
  const { freshUntil, createdAt } = (await a.entry('l')) ?? {};
  const { freshUntil: ofK } = (await a.entry('k')) ?? {};
  expect([createdAt, freshUntil === undefined, ofK === undefined]).toEqual([undefined, false, false]);
  expect((freshUntil as Date).getTime() - (ofK as Date).getTime()).toBeLessThan(QUARANTINE_MS + 5_000);
});

test('without an invalidation values live as they are to, also in a namespace that has its own quarantine', async () => {
  const { a, b } = await openTwo();
  const inner = a.namespace('inner', { quarantine: '1h' });
  await inner.getOrSet('k', () => 1, LOAD);
  await eventually(async () => (await b.namespace('inner').entry('k'))?.state === 'fresh');
  expect((await inner.entry('k'))?.expiresInMs).toBeGreaterThan(3_600_000);
  await inner.delete('k');
  await inner.getOrSet('k', () => 2, { ...LOAD, ttl: '2h' });
  await eventually(async () => (await inner.get('k')) === 2);
  expect((await inner.entry('k'))?.expiresInMs).toBeLessThanOrEqual(3_600_000);
});
