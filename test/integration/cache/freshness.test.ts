import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions, type LoadContext } from '../../../src/cache/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

const GRACE = { ttl: '1m', grace: '1m' } as const;

async function open(options?: CacheOptions): Promise<{ cache: CacheManager; manager: RedisManager }> {
  const manager = await connect();
  return { cache: new CacheManager(manager, '5m', options), manager };
}

/** A cache whose entry `k` is stale, and still there. */
async function openStale(value: unknown = 'old', options?: CacheOptions): Promise<CacheManager> {
  const { cache } = await open(options);
  await cache.getOrSet('k', () => value, { ...GRACE, jitter: 0 });
  await cache.markStale('k');
  return cache;
}

const never = (): never => expect.unreachable();

describe('a stale value', () => {
  test('is served at once while it is loaded anew, once, however many ask', async () => {
    const cache = await openStale();
    const fresh = gate<string>();
    let loads = 0;
    const load = (): Promise<string> => {
      loads += 1;
      return fresh.opened;
    };
    const values = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('k', load, GRACE)));
    expect(values).toEqual(values.map(() => 'old'));
    await eventually(() => loads === 1);
    fresh.open('new');
    await eventually(async () => (await cache.get('k')) === 'new');
    expect(loads).toBe(1);
    expect(cache.stats().stale).toBe(50);
  });

  test('is a miss for get, getMany and has', async () => {
    const cache = await openStale();
    expect([await cache.get('k'), await cache.has('k'), (await cache.getMany(['k'])).size]).toEqual([
      undefined,
      false,
      0,
    ]);
  });

  test('is served at the latest after the soft timeout, and the new one when it comes before', async () => {
    const cache = await openStale();
    const late = gate<string>();
    expect(await cache.getOrSet('k', () => late.opened, { ...GRACE, softTimeout: 30 })).toBe('old');
    late.open('new');
    await eventually(async () => (await cache.get('k')) === 'new');
    await cache.markStale('k');
    expect(await cache.getOrSet('k', () => 'newer', { ...GRACE, softTimeout: '5s' })).toBe('newer');
  });

  test('is served when its loader fails, which is an event; and nobody tries again for a while', async () => {
    const cache = await openStale();
    const told: string[] = [];
    cache.on('error', ({ operation, key, error }) => told.push(`${operation} ${key} ${error.message}`));
    const load = (): never => {
      throw new Error('the database is gone');
    };
    expect(await cache.getOrSet('k', load, { ...GRACE, softTimeout: '5s' })).toBe('old');
    await eventually(() => told.length === 1);
    expect(told).toEqual(['refresh k the database is gone']);
    await cache.close();
  });

  test('is served without a load while another has failed a moment ago', async () => {
    const cache = await openStale();
    cache.on('error', () => {});
    const fail = (): never => {
      throw new Error('no');
    };
    await cache.getOrSet('k', fail, { ...GRACE, softTimeout: '5s' });
    expect(await cache.getOrSet('k', never, { ...GRACE, softTimeout: '5s' })).toBe('old');
    await eventually(async () => (await cache.getOrSet('k', () => 'new', { ...GRACE, softTimeout: '5s' })) === 'new');
  });

  test('is what the loader is told, with its times', async () => {
    const cache = await openStale({ n: 1 });
    const told = gate<LoadContext['stale']>();
    await cache.getOrSet('k', ({ stale }) => told.open(stale), GRACE);
    const stale = await told.opened;
    expect(stale).toMatchObject({ value: { n: 1 }, loadMs: expect.any(Number) });
    const times = [stale?.createdAt, stale?.freshUntil, stale?.staleUntil].map((time) => time?.getTime() ?? NaN);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('is not there for a loader of a cold key', async () => {
    const { cache } = await open();
    expect(await cache.getOrSet('k', ({ stale }) => stale === undefined)).toBe(true);
  });

  test('is fresh again when its loader says that it was not modified', async () => {
    const cache = await openStale();
    expect(await cache.getOrSet('k', ({ notModified }) => notModified(), { ...GRACE, softTimeout: '5s' })).toBe('old');
    await eventually(async () => (await cache.get('k')) === 'old');
  });

  test('that is not there cannot be unmodified', async () => {
    const { cache } = await open();
    await expect(cache.getOrSet('k', ({ notModified }) => notModified())).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });

  test('a background load is aborted after its timeout, and told', async () => {
    const cache = await openStale();
    const told = gate<unknown>();
    cache.on('error', ({ operation, error }) => told.open([operation, error.name]));
    const load = ({ signal }: LoadContext): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    expect(await cache.getOrSet('k', load, { ...GRACE, timeout: 50 })).toBe('old');
    expect(await told.opened).toEqual(['refresh', 'TimeoutError']);
  });
});

describe('grace', () => {
  test('begins when the lifetime is over, and then the entry is gone', async () => {
    const { cache } = await open();
    await cache.getOrSet('k', () => 1, { ttl: 60, grace: '1m', jitter: 0, earlyRefresh: false });
    await eventually(async () => (await cache.get('k')) === undefined);
    expect(await cache.getOrSet('k', () => 2, { ttl: 60, grace: 60, jitter: 0, earlyRefresh: false })).toBe(1);
    await eventually(async () => (await cache.entry('k')) === undefined);
    expect(await cache.getOrSet('k', () => 3)).toBe(3);
  });

  test('also of what is set', async () => {
    const { cache } = await open();
    await cache.set('k', 'set', { ttl: 50, grace: '1m' });
    await cache.setMany([['l', 'set']], { ttl: 50, grace: '1m' });
    await eventually(async () => (await cache.getMany(['k', 'l'])).size === 0);
    expect(await cache.getOrSet('k', () => 'new')).toBe('set');
    expect(await cache.getOrSet('l', () => 'new')).toBe('set');
  });

  test('is kept by touch', async () => {
    const { cache } = await open();
    await cache.set('k', 'v', { ttl: '1m', grace: '1m' });
    expect(await cache.touch('k', 50)).toBe(true);
    await eventually(async () => (await cache.get('k')) === undefined);
    expect(await cache.getOrSet('k', () => 'new')).toBe('v');
  });
});

describe('markStale', () => {
  test('counts what is to be served as stale, and keeps it no longer than it would have lived', async () => {
    const { cache, manager } = await open();
    await cache.set('k', 1, { ttl: '1m', grace: '1m' });
    expect(await cache.markStale('k', 'nothing')).toBe(1);
    expect(await cache.markStale('k')).toBe(1);
    const left = await manager.command<number>(['PTTL', `${manager.config.prefix}:cache:{k}`]);
    expect(left).toBeGreaterThan(110_000);
    expect(left).toBeLessThanOrEqual(120_000);
    expect(await cache.getOrSet('k', () => 2)).toBe(1);
    await eventually(async () => (await cache.get('k')) === 2);
  });

  test('removes what was written without a grace, however it was written', async () => {
    const { cache } = await open();
    await cache.set('set', 1);
    await cache.getOrSet('loaded', () => 1);
    await cache.increment('counter');
    expect(await cache.markStale('set', 'loaded', 'counter')).toBe(0);
    expect(await cache.getOrSet('set', () => 2, { grace: '1m' })).toBe(2);
    expect(await cache.getOrSet('loaded', () => 2, { grace: '1m' })).toBe(2);
    expect(await cache.get('counter')).toBe(1);
  });

  test('of no key is nothing', async () => {
    const { cache } = await open();
    expect(await cache.markStale()).toBe(0);
  });
});

describe('what a loader says beside its value', () => {
  test('that there is none is stored, and is a miss for get', async () => {
    const { cache } = await open();
    expect(await cache.getOrSet('k', ({ notFound }) => notFound())).toBeUndefined();
    expect(await cache.getOrSet('k', never)).toBeUndefined();
    expect([await cache.get('k'), await cache.has('k')]).toEqual([undefined, false]);
    await cache.set('k', 1);
    expect(await cache.getOrSet('k', never)).toBe(1);
  });

  test('for how long it is remembered that there is none', async () => {
    const { cache } = await open();
    await cache.getOrSet('k', ({ notFound }) => notFound(), { negativeTtl: 40 });
    await eventually(async () => (await cache.getOrSet<unknown>('k', () => 'found')) === 'found');
  });

  test('a value to skip reaches all who wait and is not stored', async () => {
    const { cache } = await open();
    const values = await Promise.all([1, 2].map(() => cache.getOrSet('k', ({ skip }) => skip({ n: 1 }))));
    expect(values).toEqual([{ n: 1 }, { n: 1 }]);
    expect(values[0]).not.toBe(values[1]);
    expect(await cache.has('k')).toBe(false);
    expect(await cache.getOrSet<unknown>('k', () => 2)).toBe(2);
  });

  test('a lifetime that its source gave', async () => {
    const { cache, manager } = await open();
    await cache.getOrSet('k', ({ options }) => {
      options({ ttl: '1m', grace: '1m', jitter: 0 });
      return 1;
    });
    await eventually(async () => (await manager.command<number>(['PTTL', `${manager.config.prefix}:cache:{k}`])) > 0);
    const left = await manager.command<number>(['PTTL', `${manager.config.prefix}:cache:{k}`]);
    expect(left).toBeGreaterThan(110_000);
    expect(left).toBeLessThanOrEqual(120_000);
  });

  test('a wrong option is its own failure', async () => {
    const { cache } = await open();
    const load = ({ options }: LoadContext): void => options({ tlt: 5 } as never);
    await expect(cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});

describe('early refresh', () => {
  test('loads anew before the value is stale, while who asks is served what there is', async () => {
    const { cache } = await open();
    let loads = 0;
    const load = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return (loads += 1);
    };
    const options = { ttl: '5s', jitter: 0, earlyRefresh: 100 } as const;
    expect(await cache.getOrSet('k', load, options)).toBe(1);
    expect(await cache.getOrSet('k', load, { ...options, earlyRefresh: false })).toBe(1);
    expect(loads).toBe(1);
    // 20 ms of loading, a hundredfold: within seconds of the end that is likely, and at the latest then
    await eventually(async () => {
      const served = await cache.getOrSet('k', load, options);
      expect(served).toBeLessThanOrEqual(loads);
      return loads > 1;
    });
    expect(cache.stats().stale).toBe(0);
    await eventually(async () => (await cache.get<number>('k')) === loads);
  });
});

describe('a sliding lifetime', () => {
  const SLIDING = { ttl: '10s', sliding: true } as const;

  async function leftMs(manager: RedisManager): Promise<number> {
    return manager.command(['PTTL', `${manager.config.prefix}:cache:{k}`]);
  }

  /** As if so much of the lifetime were over. */
  async function age(manager: RedisManager, ms: number): Promise<void> {
    const key = `${manager.config.prefix}:cache:{k}`;
    const entry = await manager.command<Buffer>(['GET', key], { reply: 'bytes' });
    const untilMs = entry.readUIntBE(21, 6) - ms;
    for (const at of [21, 27]) entry.writeUIntBE(untilMs, at, 6);
    await manager.command(['SET', key, entry, 'PXAT', untilMs]);
  }

  test.each([
    ['set', (cache: CacheManager) => cache.set('k', 1, SLIDING)],
    ['getOrSet', (cache: CacheManager) => cache.getOrSet('k', () => 1, SLIDING)],
  ])('given by %s begins anew with a read, when a tenth of it is over', async (_name, store) => {
    const { cache, manager } = await open();
    await store(cache);
    await eventually(async () => (await cache.get('k')) === 1);
    await age(manager, 5_000);
    expect(await leftMs(manager)).toBeLessThanOrEqual(5_000);
    expect(await cache.has('k')).toBe(true);
    expect(await Promise.all([cache.get('k'), cache.get('k')])).toEqual([1, 1]);
    await eventually(async () => (await leftMs(manager)) > 9_000);
    await age(manager, 5_000);
    expect(await cache.getOrSet('k', never)).toBe(1);
    await eventually(async () => (await leftMs(manager)) > 9_000);
  });

  test('that is over is over', async () => {
    const { cache, manager } = await open();
    await cache.set('k', 1, SLIDING);
    await cache.get('k');
    await age(manager, 20_000);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('that `touch` has made longer is not made shorter by a read', async () => {
    const { cache, manager } = await open();
    await cache.set('k', 1, { ...SLIDING, grace: '10s' });
    await cache.touch('k', '1h');
    await age(manager, 0);
    expect(await cache.get('k')).toBe(1);
    expect(await leftMs(manager)).toBeGreaterThan(3_000_000);
  });
});
