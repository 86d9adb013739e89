import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import type { CacheManager, CacheOperationTrace } from '../../../src/cache/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { raw, uniquePrefix } from '../../support/target.js';
import { open, openTwo, schema } from './definitions.js';

noLeaks();

describe('a definition', () => {
  test('loads the value of an id once, also for another process', async () => {
    const { a, b } = await openTwo();
    const asked: number[] = [];
    const define = (cache: CacheManager) =>
      cache.define({
        name: 'user',
        load: async (id: number) => {
          asked.push(id);
          return { id, name: 'Ada' };
        },
      });
    const [here, there] = [define(a), define(b)];
    expect(await here.get(1)).toEqual({ id: 1, name: 'Ada' });
    expect(await there.get(1)).toEqual({ id: 1, name: 'Ada' });
    expect([...(await there.getMany([2, 1]))].map(([id, user]) => [id, user.name])).toEqual([
      [2, 'Ada'],
      [1, 'Ada'],
    ]);
    expect(asked).toEqual([1, 2]);
  });

  test('gives its loader what a loader of `getOrSet` gets', async () => {
    const cache = await open();
    const users = cache.define({
      name: 'user',
      negativeTtl: '1m',
      load: async (id: string, { key, notFound, skip }) => {
        if (id === 'nobody') return notFound();
        return id === 'draft' ? skip('a draft') : `${id} at ${key}`;
      },
    });
    expect(await users.get('ada')).toBe('ada at "ada"');
    expect([await users.get('draft'), await users.peek('draft')]).toEqual(['a draft', undefined]);
    expect(await users.get('nobody')).toBeUndefined();
    expect((await users.getMany(['nobody', 'ada'])).size).toBe(1);
  });

  test('shares no key with another, with a wrapped function, a namespace or the cache', async () => {
    const prefix = uniquePrefix();
    const cache = await open({}, prefix);
    const [users, others] = ['user', 'other'].map((name) =>
      cache.define({ name, load: (id: unknown) => ({ by: name, id }) }),
    );
    const wrapped = cache.wrap(async (id: unknown) => ({ by: 'wrap', id }), { name: 'user' });
    const ids: unknown[] = [1, '1', [1], { a: 1, b: [] }, null, undefined, new Date(5), 'x'.repeat(500)];
    for (let round = 0; round < 2; round += 1) {
      for (const id of ids) {
        expect(await users?.get(id)).toEqual({ by: 'user', id });
        expect(await others?.get(id)).toEqual({ by: 'other', id });
        expect(await wrapped(id)).toEqual({ by: 'wrap', id });
      }
    }
    await cache.namespace('def/user').set('1', 'mine');
    await cache.namespace('def@user').set('1', 'mine');
    await cache.set('1', 'mine');
    expect(await users?.get(1)).toEqual({ by: 'user', id: 1 });
    expect(await users?.get({ b: [], a: 1 })).toEqual({ by: 'user', id: { a: 1, b: [] } });
    expect(await raw(['EXISTS', `${prefix}:cache:def@user:{1}`])).toBe(1);
  });

  test('`key` says what tells ids apart', async () => {
    const cache = await open();
    const pages = cache.define({
      name: 'page',
      key: ({ path }: { path: string; at?: number }) => path,
      load: ({ path, at }: { path: string; at?: number }) => `${path} at ${at}`,
    });
    expect([await pages.get({ path: '/', at: 1 }), await pages.get({ path: '/', at: 2 })]).toEqual([
      '/ at 1',
      '/ at 1',
    ]);
  });

  test('`peek` loads nothing, and neither gives what is stale nor what the schema rejects', async () => {
    const cache = await open();
    const loose = cache.define<number, string>({ name: 'text', load: () => expect.unreachable() });
    const strict = cache.define<number, string>({
      name: 'text',
      schema: schema(),
      grace: '1m',
      tags: (id) => [`text:${id}`],
      load: () => 'loaded',
    });
    expect(await strict.peek(1)).toBeUndefined();
    await loose.set(1, 'good');
    await loose.set(2, 'bad');
    expect([await strict.peek(1), await strict.peek(2), await loose.peek(2)]).toEqual(['good', undefined, 'bad']);
    expect(await strict.get(2)).toBe('loaded');
    await strict.markStale(2);
    expect(await strict.peek(2)).toBeUndefined();
  });

  test('`set` stores with the tags and lifetime of the definition, or another lifetime', async () => {
    const prefix = uniquePrefix();
    const cache = await open({}, prefix);
    const users = cache.define({
      name: 'user',
      ttl: '1m',
      tags: (id: number) => [`user:${id}`],
      load: (id) => `loaded ${id}`,
    });
    await users.set(1, 'set');
    await users.set(2, 'set', '10m');
    await users.set(3, 'set', { ttl: '20m' });
    const lives = await Promise.all(
      [1, 2, 3].map(async (id) => Number(await raw(['PTTL', `${prefix}:cache:def@user:{${id}}`])) / 60_000),
    );
    expect(lives.map(Math.round)).toEqual([1, 10, 20]);
    expect([await users.get(1), await users.get(2)]).toEqual(['set', 'set']);
    await cache.invalidateTags('user:1');
    expect([await users.get(1), await users.get(2)]).toEqual(['loaded 1', 'set']);
    await expect(users.set(1, 'x', { tags: ['mine'] } as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(users.set(1, 'x', null as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(users.set(1, undefined as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });

  test('`refresh` loads in any case, and what it brings is the value from then on', async () => {
    const { a, b } = await openTwo();
    let loads = 0;
    const define = (cache: CacheManager) => cache.define({ name: 'n', load: (_id: number) => (loads += 1) });
    const [here, there] = [define(a), define(b)];
    expect([await here.get(1), await here.refresh(1), await here.get(1)]).toEqual([1, 2, 2]);
    await eventually(async () => (await there.peek(1)) === 2);
    expect(await there.get(1, { force: true })).toBe(3);
  });

  test('`invalidate` and `markStale` say how many there were, each id once', async () => {
    const cache = await open();
    const values = cache.define({ name: 'v', grace: '1m', load: (id: { n: number }) => `loaded ${id.n}` });
    const ids = [{ n: 1 }, { n: 2 }, { n: 3 }];
    for (const id of ids) await values.set(id, 'set');
    expect(await values.markStale({ n: 1 }, { n: 1 }, { n: 9 })).toBe(1);
    expect(await values.peek({ n: 1 })).toBeUndefined();
    expect(await values.invalidate({ n: 2 }, { n: 2 }, { n: 9 }, { n: 3 })).toBe(2);
    expect(await values.get({ n: 2 })).toBe('loaded 2');
    expect([await values.invalidate(), await values.markStale()]).toEqual([0, 0]);
  });

  test('values of another version are misses, and `clear` of the cache ends all', async () => {
    const cache = await open();
    let loads = 0;
    const of = (version: string) => cache.define({ name: 'v', version, load: (_id: number) => (loads += 1) });
    expect([await of('1').get(1), await of('1').get(1), await of('2').get(1)]).toEqual([1, 1, 2]);
    await cache.clear();
    expect(await of('2').get(1)).toBe(3);
  });

  test('its calls are traced as the methods of the cache that they stand for', async () => {
    const seen: CacheOperationTrace[] = [];
    const channel = tracingChannel<unknown, CacheOperationTrace>('redis-utils:cache');
    const none = (): void => {};
    const asyncEnd = (trace: CacheOperationTrace): void => void seen.push(trace);
    const subscriber = { start: none, end: none, asyncStart: none, asyncEnd, error: none };
    channel.subscribe(subscriber);
    afterThisTest(() => channel.unsubscribe(subscriber));
    const prefix = uniquePrefix();
    const cache = await open({}, prefix);
    const values = cache.define({ name: 'v', load: (id: number) => Promise.reject(new Error(`no ${id}`)) });
    await values.peek(1);
    await expect(values.get(1)).rejects.toThrow('no 1');
    await values.invalidate(1, 2);
    expect(seen.map(({ operation, key, root, error }) => [operation, key, root, error instanceof Error])).toEqual([
      ['get', '1', `${prefix}:cache:def@v:`, false],
      ['getOrSet', '1', `${prefix}:cache:def@v:`, true],
      ['delete', undefined, `${prefix}:cache:def@v:`, false],
    ]);
  });

  test('ends with its cache', async () => {
    const cache = await open();
    const values = cache.define({ name: 'v', load: (id: number) => id });
    await cache.close();
    await expect(values.get(1)).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(() => cache.define({ name: 'w', load: (id: number) => id })).toThrow('closed');
  });
});

test.each<[string, object, string]>([
  ['no name', { load: () => 1 }, 'define.name'],
  ['no loader', { name: 'n' }, 'define.load'],
  ['two loaders', { name: 'n', load: () => 1, loadMany: () => new Map() }, 'define.load'],
  ['a loader that is no function', { name: 'n', load: 'x' }, 'define.load'],
  ['a loader of many that is no function', { name: 'n', loadMany: 'x' }, 'define.loadMany'],
  ['a batch of no ids', { name: 'n', loadMany: () => new Map(), maxBatch: 0 }, 'define.maxBatch'],
  ['a batch of half an id', { name: 'n', loadMany: () => new Map(), maxBatch: 1.5 }, 'define.maxBatch'],
  ['a key that is no function', { name: 'n', load: () => 1, key: 'id' }, 'define.key'],
  ['tags that are none', { name: 'n', load: () => 1, tags: [''] }, 'tags'],
  ['an unknown option', { name: 'n', load: () => 1, tlt: '5m' }, 'tlt'],
])('%s is refused by `define`', async (_what, spec, option) => {
  const cache = await open();
  expect(() => cache.define(spec as never)).toThrow(
    expect.objectContaining({ code: 'RU_CONFIG', message: expect.stringContaining(option) }),
  );
});

test('ids that are no plain data are refused by every call', async () => {
  const cache = await open();
  const values = cache.define({ name: 'n', load: (_id: unknown) => 1 });
  const id = (): void => {};
  const calls = [
    () => values.get(id),
    () => values.getMany([1, id]),
    () => values.peek(id),
    () => values.set(id, 1),
    () => values.refresh(id),
    () => values.invalidate(1, id),
    () => values.markStale(id),
    () => values.get(new Map()),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'RU_CONFIG' });
});
