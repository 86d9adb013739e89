import { describe, expect, test } from 'vitest';
import { type CacheOptions, CacheManager } from '../../../src/cache/index.js';
import type { Duration } from '../../../src/core/duration.js';
import { emptyServer, stubManager } from './stub-manager.js';

function cacheWith(options?: CacheOptions, uniform = 0.5) {
  const { manager, sent } = stubManager(emptyServer, { uniform: () => uniform });
  return { cache: new CacheManager(manager, 1000, options), sent };
}

function isEpoch(key: unknown): boolean {
  return String(key).endsWith(':epoch');
}

/** The lifetime of the entry that was written last: by `SET`, or by the script that ends a load. */
function lifetime(sent: unknown[][]): unknown {
  const words = sent.findLast(([name, key]) => name === 'cache.commit' || (name === 'SET' && !isEpoch(key))) ?? [];
  return words[0] === 'cache.commit' ? words[4] : words[words.indexOf('PX') + 1];
}

describe('construction refuses', () => {
  test.each<[string, unknown, unknown]>([
    ['no lifetime', undefined, {}],
    ['a lifetime of 0', 0, {}],
    ['endless lifetime', Infinity, {}],
    ['text without a unit', '5', {}],
    ['unknown options', '5m', { versions: 'x' }],
    ['another onError', '5m', { onError: 'ignore' }],
    ['an empty version', '5m', { version: '' }],
    ['a codec without an envelope', '5m', { codec: { envelope: false } }],
    ['unknown defaults', '5m', { defaults: { jiter: 0 } }],
    ['a jitter above 1', '5m', { defaults: { jitter: 2 } }],
    ['a schema that is none', '5m', { defaults: { schema: {} } }],
  ])('%s', (_what, ttl, options) => {
    const { manager } = stubManager(emptyServer);
    expect(() => new CacheManager(manager, ttl as Duration, options as CacheOptions)).toThrow(
      expect.objectContaining({ code: 'RU_CONFIG' }),
    );
  });
});

describe('a wrong argument rejects under "open" too, and nothing is sent:', () => {
  const never = (): never => {
    throw new Error('the loader must not run');
  };
  test.each<[string, (cache: CacheManager) => Promise<unknown>]>([
    ['get of an empty key', (cache) => cache.get('')],
    ['get with an unknown option', (cache) => cache.get('k', { timout: 1 } as never)],
    ['get with something else as signal', (cache) => cache.get('k', { signal: {} as AbortSignal })],
    ['getMany of no array', (cache) => cache.getMany('k' as never)],
    ['getMany with an ill-formed key', (cache) => cache.getMany(['a', '\ud800'])],
    ['has of an empty key', (cache) => cache.has('')],
    ['set of undefined', (cache) => cache.set('k', undefined)],
    ['set of a function', (cache) => cache.set('k', never)],
    ['set with a lifetime of 0', (cache) => cache.set('k', 1, 0)],
    ['set with a fraction of a millisecond', (cache) => cache.set('k', 1, 1.5)],
    ['set with a negative jitter', (cache) => cache.set('k', 1, { jitter: -1 })],
    [
      'setMany with one bad entry of two',
      (cache) =>
        cache.setMany([
          ['a', 1],
          ['b', undefined],
        ]),
    ],
    ['setIfAbsent of undefined', (cache) => cache.setIfAbsent('k', undefined)],
    ['delete of one bad key of two', (cache) => cache.delete('a', '')],
    ['getOrSet without a loader', (cache) => cache.getOrSet('k', undefined as never)],
    ['getOrSet with an unknown option', (cache) => cache.getOrSet('k', never, { graze: '1m' } as never)],
    ['getOrSet with a bad lifetime', (cache) => cache.getOrSet('k', never, { ttl: '1x' as Duration })],
    ['getOrSet with a negative grace', (cache) => cache.getOrSet('k', never, { grace: -1 })],
    ['getOrSet with a lease too short to be renewed', (cache) => cache.getOrSet('k', never, { lease: 10 })],
    ['getOrSet with an endless lease', (cache) => cache.getOrSet('k', never, { lease: '1d' })],
    ['getOrSet with a wrong early refresh', (cache) => cache.getOrSet('k', never, { earlyRefresh: -1 })],
    ['markStale of an empty key', (cache) => cache.markStale('a', '')],
    ['set with a tag that is no text', (cache) => cache.set('k', 1, { tags: [1 as never] })],
    ['set with too many tags', (cache) => cache.set('k', 1, { tags: Array.from({ length: 256 }, (_, n) => `${n}`) })],
    ['getOrSet with a tag that is too long', (cache) => cache.getOrSet('k', never, { tags: ['ü'.repeat(128)] })],
    ['get with an ill-formed tag', (cache) => cache.get('k', { tags: ['\ud800'] })],
    ['set with a strange sliding', (cache) => cache.set('k', 1, { sliding: 1 as never })],
    ['invalidateTags of an empty tag', (cache) => cache.invalidateTags(['a', ''])],
    ['invalidateTags in another mode', (cache) => cache.invalidateTags('a', { mode: 'hard' as never })],
    ['increment by a fraction', (cache) => cache.increment('k', 0.5)],
    ['increment beyond exact integers', (cache) => cache.increment('k', 2 ** 53)],
    ['increment with a bad lifetime', (cache) => cache.increment('k', 1, -1)],
    ['touch without a lifetime', (cache) => cache.touch('k', undefined as never)],
    ['getAndDelete of an empty key', (cache) => cache.getAndDelete('')],
  ])('%s', async (_what, call) => {
    const { cache, sent } = cacheWith();
    const code = expect.stringMatching(/^RU_(CONFIG|SERIALIZATION)$/) as string;
    await expect(call(cache)).rejects.toMatchObject({ code });
    expect(sent).toEqual([]);
  });
});

describe('lifetime', () => {
  test('is the default, else what the call says', async () => {
    const { cache, sent } = cacheWith();
    await cache.set('k', 1);
    expect(lifetime(sent)).toBe(1000);
    await cache.set('k', 1, '2s');
    expect(lifetime(sent)).toBe(2000);
    await cache.set('k', 1, { ttl: 3000 });
    expect(lifetime(sent)).toBe(3000);
  });

  test('of what is set has no jitter unless asked for; of what is loaded a tenth', async () => {
    const { cache, sent } = cacheWith();
    await cache.set('k', 1, { jitter: 1 });
    expect(lifetime(sent)).toBe(500);
    await cache.getOrSet('k', () => 1);
    expect(lifetime(sent)).toBe(950);
    await cache.getOrSet('k', () => 1, { jitter: 0 });
    expect(lifetime(sent)).toBe(1000);
  });

  test('with full jitter is at least a millisecond', async () => {
    const { cache, sent } = cacheWith({}, 0.999_999);
    await cache.set('k', 1, { jitter: 1 });
    expect(lifetime(sent)).toBe(1);
  });

  test('comes from the defaults of the cache, and a namespace inherits or overrides them', async () => {
    const { cache, sent } = cacheWith({ defaults: { ttl: '4s', jitter: 0 } });
    await cache.set('k', 1);
    expect(lifetime(sent)).toBe(4000);
    await cache.namespace('n').getOrSet('k', () => 1);
    expect(lifetime(sent)).toBe(4000);
    await cache.namespace('n', { defaults: { ttl: '5s' } }).getOrSet('k', () => 1);
    expect(lifetime(sent)).toBe(5000);
  });
});

test('no call looks for keys or flushes: `clear` and `invalidateTags` write one epoch each', async () => {
  const { cache, sent } = cacheWith();
  await Promise.all([cache.clear(), cache.namespace('n').clear(), cache.invalidateTags(['a', 'b', 'a'])]);
  expect(sent.map(([name, key]) => [name, key])).toEqual([
    ['cache.changeEpoch', 'ru:cache:epoch'],
    ['cache.changeEpoch', 'ru:cache:@n:epoch'],
    ['cache.changeEpoch', 'ru:cache:tag:{a}'],
    ['cache.changeEpoch', 'ru:cache:tag:{b}'],
  ]);
});

test('a closed cache rejects every call and closes its namespaces, but not its parent', async () => {
  const { cache, sent } = cacheWith();
  const inner = cache.namespace('inner');
  await inner.close();
  await expect(inner.get('k')).rejects.toMatchObject({ code: 'RU_CLOSED', outcome: 'not-sent' });
  await cache.get('k');
  expect(sent).toHaveLength(1);
  const other = cache.namespace('other');
  await cache[Symbol.asyncDispose]();
  await expect(other.set('k', 1)).rejects.toMatchObject({ code: 'RU_CLOSED' });
  await expect(cache.setMany([])).rejects.toMatchObject({ code: 'RU_CLOSED' });
  expect(() => cache.namespace('late')).toThrow(expect.objectContaining({ code: 'RU_CLOSED' }));
});

test('tells a session manager its connection, its prefix and its codec', () => {
  const codec = { envelope: true };
  const { cache } = cacheWith({ prefix: 'app', codec });
  expect(cache.prefix).toBe('app');
  expect(cache.codecOptions).toBe(codec);
  expect(cache.namespace('n').codecOptions).toBe(codec);
  expect(cacheWith().cache.prefix).toBeUndefined();
});
