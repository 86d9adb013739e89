import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions, type LoadContext } from '../../../src/cache/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { afterThisTest } from '../../support/cleanup.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

async function open(options?: CacheOptions): Promise<{ cache: CacheManager; manager: RedisManager }> {
  const manager = await connect();
  return { cache: new CacheManager(manager, '5m', options), manager };
}

/** A loader that says when it runs and waits for the test. */
function slowLoader<T>() {
  const result = gate<T>();
  const begun = gate<LoadContext>();
  const load = (context: LoadContext): Promise<T> => {
    begun.open(context);
    return result.opened;
  };
  return { load, begun: begun.opened, land: result.open, fail: result.fail };
}

describe('one load per key', () => {
  test('a hundred concurrent callers on a cold key cause one load, and each gets a value of its own', async () => {
    const { cache } = await open();
    const loaded = { list: [1] };
    let loads = 0;
    const load = () => {
      loads += 1;
      return loaded;
    };
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('k', load)));
    expect(loads).toBe(1);
    expect(new Set(values).size).toBe(100);
    expect(values).not.toContain(loaded);
    expect(values.every((value) => value.list.length === 1)).toBe(true);
    expect(cache.stats()).toMatchObject({ loads: 1, joined: 99 });
    expect(await cache.getOrSet('k', () => expect.unreachable())).toEqual({ list: [1] });
  });

  test('callers of two objects for one namespace share a load; other namespaces do not', async () => {
    const { cache } = await open();
    const { load, land } = slowLoader<string>();
    const waits = [
      cache.namespace('n').getOrSet('k', load),
      cache.namespace('n').getOrSet('k', () => expect.unreachable()),
      cache.getOrSet('k', () => 'another'),
    ];
    land('one');
    expect(await Promise.all(waits)).toEqual(['one', 'one', 'another']);
  });

  test('a failure is shared by all who wait, not retried by each, and the next call loads again', async () => {
    const { cache } = await open();
    let loads = 0;
    const failure = new Error('the database is gone');
    const load = async (): Promise<never> => {
      loads += 1;
      throw failure;
    };
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => cache.getOrSet('k', load)));
    expect(results).toEqual(results.map(() => ({ status: 'rejected', reason: failure })));
    expect(loads).toBe(1);
    expect(await cache.getOrSet('k', () => 'recovered')).toBe('recovered');
  });

  test('a loader that throws at once, even something falsy, rejects with that', async () => {
    const { cache } = await open();
    const load = (): never => {
      const nothing: unknown = null;
      throw nothing;
    };
    await expect(cache.getOrSet('k', load)).rejects.toBeNull();
  });

  test.each([null, false, 0, ''])('%j is stored and not loaded again', async (value) => {
    const { cache } = await open();
    expect(await cache.getOrSet<unknown>('k', () => value)).toBe(value);
    expect(await cache.getOrSet<unknown>('k', () => expect.unreachable())).toBe(value);
  });

  test('undefined is returned to all who wait and not stored', async () => {
    const { cache } = await open();
    expect(await Promise.all([1, 2].map(() => cache.getOrSet('k', () => undefined)))).toEqual([undefined, undefined]);
    expect(await cache.has('k')).toBe(false);
    expect(await cache.getOrSet<unknown>('k', () => 1)).toBe(1);
  });

  test('a value that the codec cannot bring back is a SerializationError, and nothing is stored', async () => {
    const { cache } = await open();
    await expect(cache.getOrSet('k', () => ({ run: () => 1 }))).rejects.toMatchObject({ code: 'RU_SERIALIZATION' });
    expect(await cache.has('k')).toBe(false);
  });
});

describe('a load that is overtaken is not stored', () => {
  test.each<[string, (cache: CacheManager) => Promise<unknown>, unknown]>([
    ['delete', (cache) => cache.delete('k'), undefined],
    ['set', (cache) => cache.set('k', 'explicit'), 'explicit'],
    ['setMany', (cache) => cache.setMany([['k', 'explicit']]), 'explicit'],
    ['setIfAbsent', (cache) => cache.setIfAbsent('k', 'explicit'), 'explicit'],
    ['getAndDelete', (cache) => cache.getAndDelete('k'), undefined],
    ['increment', (cache) => cache.increment('k'), 1],
    ['delete through a namespace object', (cache) => cache.namespace('n').delete('k'), 'older'],
  ])('by %s', async (_name, overtake, stored) => {
    const { cache } = await open();
    const { load, begun, land } = slowLoader<string>();
    const waiting = cache.getOrSet('k', load);
    await begun;
    await overtake(cache);
    land('older');
    expect(await waiting).toBe('older');
    expect(await cache.get('k')).toBe(stored);
  });

  test('by a delete: who asks after it starts a load of its own, whose value is the one that stays', async () => {
    const { cache } = await open();
    const [before, after] = [slowLoader<string>(), slowLoader<string>()];
    const first = cache.getOrSet('k', before.load);
    await before.begun;
    const removed = cache.delete('k');
    const second = cache.getOrSet('k', after.load);
    await after.begun;
    await removed;
    after.land('v2');
    expect(await second).toBe('v2');
    before.land('v1');
    expect(await first).toBe('v1');
    expect(await cache.get('k')).toBe('v2');
  });

  test('by force, which always loads', async () => {
    const { cache } = await open();
    const { load, begun, land } = slowLoader<string>();
    const waiting = cache.getOrSet('k', load);
    await begun;
    expect(await cache.getOrSet('k', () => 'forced', { force: true })).toBe('forced');
    land('older');
    expect(await waiting).toBe('older');
    expect(await cache.get('k')).toBe('forced');
    expect(await cache.getOrSet('k', () => 'again', { force: true })).toBe('again');
    expect(await cache.get('k')).toBe('again');
  });

  test('by a set in another process, where the load had found nothing', async () => {
    const { cache, manager } = await open();
    const elsewhere = new CacheManager(manager, '5m');
    const { load, begun, land } = slowLoader<string>();
    const waiting = cache.getOrSet('k', load);
    await begun;
    await elsewhere.set('k', 'explicit');
    land('older');
    expect(await waiting).toBe('older');
    expect(await cache.get('k')).toBe('explicit');
  });
});

describe('leaving', () => {
  test('a caller leaves by its signal while the others get the value, which is stored', async () => {
    const { cache } = await open();
    const { load, begun, land } = slowLoader<string>();
    const leaves = new AbortController();
    const [left, stays] = [cache.getOrSet('k', load, { signal: leaves.signal }), cache.getOrSet('k', load)];
    const { signal, key } = await begun;
    expect(key).toBe('k');
    leaves.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(signal.aborted).toBe(false);
    land('value');
    expect(await stays).toBe('value');
    expect(await cache.get('k')).toBe('value');
  });

  test('when the last caller has left the loader is aborted, and what it still brings is not stored', async () => {
    const { cache } = await open();
    const { load, begun, land } = slowLoader<string>();
    const first = new AbortController();
    const waits = [cache.getOrSet('k', load, { signal: first.signal }), cache.getOrSet('k', load, { timeout: 20 })];
    const { signal } = await begun;
    first.abort(new Error('left'));
    const [left, timedOut] = await Promise.allSettled(waits);
    expect(left).toMatchObject({ status: 'rejected', reason: { message: 'left' } });
    expect(timedOut).toMatchObject({
      status: 'rejected',
      reason: { code: 'RU_TIMEOUT', operation: 'cache.getOrSet', timeoutMs: 20 },
    });
    expect(signal.aborted).toBe(true);
    land('too late');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('a caller that leaves in the moment in which its load begins leaves no load behind', async () => {
    const { cache } = await open();
    const caller = new AbortController();
    // begins to load before it returns, because there is nothing to read first
    const leaving = cache.getOrSet('k', () => 'left behind', { force: true, signal: caller.signal });
    caller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect(await cache.getOrSet('k', () => 'next')).toBe('next');
    expect(await cache.get('k')).toBe('next');
  });

  test('a caller whose signal is aborted already never runs the loader', async () => {
    const { cache } = await open();
    const signal = AbortSignal.abort(new Error('before'));
    await expect(cache.getOrSet('k', () => expect.unreachable(), { signal })).rejects.toThrow('before');
  });
});

describe('a schema', () => {
  /** Takes objects with a numeric `n`, and adds what `extra` says, as a transforming schema does. */
  function schemaWith(extra: Record<string, unknown> = {}): StandardSchemaV1<unknown, { n: number }> {
    return {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          const { n } = value as { n: unknown };
          if (typeof n !== 'number') return { issues: [{ message: 'the secret is not a number', path: ['n'] }] };
          return { value: { n, ...extra } };
        },
      },
    };
  }

  test('turns a stored value that it rejects into a miss', async () => {
    const { cache } = await open();
    await cache.set('k', { n: 'text' });
    expect(await cache.getOrSet('k', () => ({ n: 1 }), { schema: schemaWith() })).toEqual({ n: 1 });
    expect(await cache.get('k')).toEqual({ n: 1 });
    expect(cache.stats()).toMatchObject({ misses: 1, loads: 1 });
  });

  test('rejects a loaded value with an error that shows where but not what, and nothing is stored', async () => {
    const { cache } = await open();
    const load = () => ({ n: 'secret' }) as unknown as { n: number };
    const failure = await cache.getOrSet('k', load, { schema: schemaWith() }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'RU_CACHE_LOADED_VALUE', key: 'k', paths: ['n'] });
    expect(JSON.stringify(failure)).not.toContain('secret');
    expect(await cache.has('k')).toBe(false);
  });

  test('gives on a load what it gives on a hit, once per caller', async () => {
    const { cache } = await open();
    const options = { schema: schemaWith({ extra: true }) };
    expect(await cache.getOrSet('k', () => ({ n: 1 }), options)).toEqual({ n: 1, extra: true });
    expect(await cache.getOrSet('k', () => expect.unreachable(), options)).toEqual({ n: 1, extra: true });
    expect(await cache.get('k')).toEqual({ n: 1 });
  });
});

test('each run of a loader is told on a tracing channel, how it failed included', async () => {
  const { cache } = await open();
  const seen: [string, object][] = [];
  const channel = tracingChannel('redis-utils:cache.load');
  const subscribers = {
    start: (context: object) => void seen.push(['start', { ...context }]),
    error: (context: object) => void seen.push(['error', { ...context }]),
    asyncEnd: (context: object) => void seen.push(['asyncEnd', { ...context }]),
  };
  channel.subscribe(subscribers as never);
  afterThisTest(() => void channel.unsubscribe(subscribers as never));
  await cache.getOrSet('k', () => 1);
  await cache.getOrSet('k', () => expect.unreachable());
  const failure = new Error('no');
  await expect(cache.getOrSet('l', () => Promise.reject(failure))).rejects.toBe(failure);
  const [k, l] = ['k', 'l'].map((key) => ({ key, background: false }));
  expect(seen).toEqual([
    ['start', k],
    ['asyncEnd', k],
    ['start', l],
    ['error', { ...l, error: failure }],
    ['asyncEnd', { ...l, error: failure }],
  ]);
});
