import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheFailure, type CacheOptions } from '../../../src/cache/index.js';
import { generateKey, json, Keyring, msgpack } from '../../../src/codec/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect } from '../../support/target.js';

noLeaks();

async function open(options?: CacheOptions): Promise<{ cache: CacheManager; manager: RedisManager; full: Full }> {
  const manager = await connect();
  const space = manager.keySpace('cache');
  return { cache: new CacheManager(manager, '5m', options), manager, full: (key) => space.key(key) };
}
type Full = (key: string) => string;

function failuresOf(cache: CacheManager): CacheFailure[] {
  const failures: CacheFailure[] = [];
  cache.on('error', (failure) => failures.push(failure));
  return failures;
}

describe('a value', () => {
  test.each([null, false, 0, '', 'text', [], {}, { a: [1, { b: null }] }, 1.5, Buffer.from([0, 255])])(
    'comes back as it was set: %j',
    async (value) => {
      const { cache } = await open();
      await cache.set('k', value);
      expect(await cache.get('k')).toEqual(value);
      expect(await cache.has('k')).toBe(true);
      expect(await cache.getMany(['k'])).toEqual(new Map([['k', value]]));
    },
  );

  test('is a miss before it is set, after it is deleted and after it has expired', async () => {
    const { cache } = await open();
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 1);
    expect(await cache.delete('k')).toBe(1);
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 1, 1);
    await eventually(async () => (await cache.get('k')) === undefined);
    expect(await cache.has('k')).toBe(false);
  });

  test('belongs to each reader alone, also when several ask for it in one tick', async () => {
    const { cache } = await open();
    await cache.set('k', { list: [1], bytes: Buffer.from('abc') });
    type Value = { list: number[]; bytes: Buffer };
    const [one, two] = await Promise.all([cache.get<Value>('k'), cache.get<Value>('k')]);
    one?.list.push(2);
    one?.bytes.fill(0);
    expect(two).toEqual({ list: [1], bytes: Buffer.from('abc') });
    expect(await cache.get('k')).toEqual({ list: [1], bytes: Buffer.from('abc') });
  });

  test('has the lifetime of its call, else that of the cache', async () => {
    const { cache, manager, full } = await open();
    await cache.set('long', 1);
    await cache.set('short', 1, '10s');
    expect(await manager.command<number>(['PTTL', full('long')])).toBeGreaterThan(290_000);
    const short = await manager.command<number>(['PTTL', full('short')]);
    expect(short).toBeGreaterThan(5_000);
    expect(short).toBeLessThanOrEqual(10_000);
  });
});

describe('several keys', () => {
  test('getMany gives those that were found, in the order asked for', async () => {
    const { cache } = await open();
    await cache.setMany([
      ['a', 1],
      ['b', null],
      ['c', 3],
    ]);
    expect([...(await cache.getMany(['c', 'missing', 'b', 'c', 'a']))]).toEqual([
      ['c', 3],
      ['b', null],
      ['a', 1],
    ]);
    expect(await cache.getMany([])).toEqual(new Map());
  });

  test('delete says how many there were', async () => {
    const { cache } = await open();
    await cache.setMany(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      '10s',
    );
    expect(await cache.delete('a', 'b', 'missing', 'a')).toBe(2);
    expect(await cache.delete()).toBe(0);
  });

  test('a thousand reads of one tick each get their own value', async () => {
    const { cache } = await open();
    await cache.setMany(Array.from({ length: 1000 }, (_, index) => [`k${index}`, index] as const));
    const values = await Promise.all(Array.from({ length: 1000 }, (_, index) => cache.get(`k${index}`)));
    expect(values).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });
});

describe('calls of one tick on one key take effect in the order in which they were made', () => {
  test('reads and writes', async () => {
    const { cache } = await open();
    // a server that does not know the script yet is asked twice
    await cache.increment('k');
    await cache.delete('k');
    const results = await Promise.all([
      cache.get('k'),
      cache.set('k', 1),
      cache.get('k'),
      cache.set('k', 2),
      cache.get('k'),
      cache.get('other'),
      cache.delete('k'),
      cache.get('k'),
      cache.increment('k'),
      cache.get('k'),
      cache.getAndDelete('k'),
      cache.get('k'),
    ]);
    expect(results).toEqual([undefined, undefined, 1, undefined, 2, undefined, 1, undefined, 1, 1, 1, undefined]);
  });
});

describe('namespaces', () => {
  test('keep their keys apart from each other and from the cache around them', async () => {
    const { cache } = await open();
    const [users, orders] = [cache.namespace('users'), cache.namespace('orders')];
    await Promise.all([cache.set('1', 'root'), users.set('1', 'user'), orders.set('1', 'order')]);
    expect(await Promise.all([cache.get('1'), users.get('1'), orders.get('1')])).toEqual(['root', 'user', 'order']);
    await users.delete('1');
    expect(await Promise.all([cache.get('1'), users.get('1'), orders.get('1')])).toEqual(['root', undefined, 'order']);
    expect(await cache.namespace('orders').get('1')).toBe('order');
  });

  test('may have a codec and a version of their own', async () => {
    const { cache } = await open();
    const texts = cache.namespace('n', { codec: { serializer: json() }, version: '2' });
    await texts.set('k', { a: 1 });
    expect(await texts.get('k')).toEqual({ a: 1 });
    expect(await cache.namespace('n', { version: '3' }).get('k')).toBeUndefined();
    expect(await cache.namespace('n', { version: '2', codec: { serializer: msgpack() } }).get('k')).toEqual({ a: 1 });
  });
});

describe('an entry that cannot be used', () => {
  test('of another version is a miss that leaves no event, and is written over', async () => {
    const { manager, cache } = await open({ version: '1' });
    await cache.set('k', 'old');
    const next = new CacheManager(manager, '5m', { version: '2' });
    const failures = failuresOf(next);
    expect(await next.get('k')).toBeUndefined();
    expect(await next.has('k')).toBe(false);
    expect(await next.getOrSet('k', () => 'new')).toBe('new');
    expect(await next.get('k')).toBe('new');
    expect(failures).toEqual([]);
  });

  test('of another type is a miss, alone and in a batch', async () => {
    const { cache, manager, full } = await open();
    await manager.command(['RPUSH', full('list'), 'x']);
    await manager.command(['PEXPIRE', full('list'), 60_000]);
    await cache.set('k', 1);
    expect(await cache.get('list')).toBeUndefined();
    expect(await Promise.all([cache.get('list'), cache.get('k')])).toEqual([undefined, 1]);
    expect(await cache.has('list')).toBe(false);
    expect(await cache.getAndDelete('list')).toBeUndefined();
  });

  test('written by somebody else is a miss and an event; under "throw" an error', async () => {
    const { cache, manager, full } = await open();
    await manager.command(['SET', full('k'), '{"a":1}', 'PX', 60_000]);
    const failures = failuresOf(cache);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.has('k')).toBe(false);
    expect(failures).toMatchObject([{ operation: 'get', key: 'k', error: { code: 'RU_FOREIGN_VALUE' } }]);
    const strict = new CacheManager(manager, '5m', { onError: 'throw' });
    await expect(strict.get('k')).rejects.toMatchObject({ code: 'RU_FOREIGN_VALUE' });
    const lenient = new CacheManager(manager, '5m', { codec: { foreign: 'json' } });
    expect(await lenient.get('k')).toEqual({ a: 1 });
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
  });

  test('damaged is never returned as data', async () => {
    const { cache, manager, full } = await open();
    await cache.set('k', { a: 'value' });
    await manager.command(['SETRANGE', full('k'), 56, 'X']);
    const failures = failuresOf(cache);
    expect(await cache.get('k')).toBeUndefined();
    expect(failures).toMatchObject([{ error: { code: 'RU_DECODE', reason: 'checksum' } }]);
  });

  test('moved from another key is refused when encrypted', async () => {
    const encryption = Keyring.of({ active: 'a', keys: { a: generateKey() } });
    const { cache, manager, full } = await open({ codec: { encryption }, onError: 'throw' });
    await cache.set('mine', 'my secret');
    expect(await cache.get('mine')).toBe('my secret');
    const sealed = await manager.command<Buffer>(['GET', full('mine')], { reply: 'bytes' });
    await manager.command(['SET', full('yours'), sealed, 'PX', 60_000]);
    await expect(cache.get('yours')).rejects.toMatchObject({ code: 'RU_ENCRYPTION', reason: 'tampered' });
    await expect(cache.getAndDelete('yours')).rejects.toMatchObject({ code: 'RU_ENCRYPTION' });
  });
});

test('a wait ends at its own timeout or signal, and only that wait', async () => {
  const { cache } = await open();
  await cache.set('k', 1);
  await expect(cache.get('k', { signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow('mine');
  const controller = new AbortController();
  const [mine, other] = [cache.get('k', { signal: controller.signal, timeout: '5s' }), cache.get('k')];
  controller.abort(new Error('mine'));
  await expect(mine).rejects.toThrow('mine');
  expect(await other).toBe(1);
});

test('the statistics count keys found and not found', async () => {
  const { cache } = await open();
  await cache.set('k', 1);
  await Promise.all([cache.get('k'), cache.get('x'), cache.getMany(['k', 'x', 'y'])]);
  expect(cache.stats()).toMatchObject({
    hits: 2,
    misses: 3,
    missesBy: { absent: 3, stale: 0 },
    loads: 0,
    joined: 0,
    stale: 0,
    fenced: 0,
    errors: 0,
  });
});
