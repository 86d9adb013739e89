import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import {
  CacheManager,
  type CacheOperationTrace,
  type CacheOptions,
  type ManyLoadContext,
} from '../../../src/cache/index.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, uniquePrefix } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

async function open(options?: CacheOptions, prefix = uniquePrefix()): Promise<CacheManager> {
  return new CacheManager(await connect({ prefix }), '5m', options);
}

async function openTwo(): Promise<{ a: CacheManager; b: CacheManager }> {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([open({}, prefix), open({}, prefix)]);
  return { a, b };
}

function numbers(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** A loader of many ids that keeps what it was asked for. */
function loader<K>(value: (id: K) => string = (id) => `loaded ${String(id)}`) {
  const asked: K[][] = [];
  const loadMany = async (ids: K[]): Promise<Map<K, string>> => {
    asked.push([...ids]);
    return new Map(ids.map((id) => [id, value(id)]));
  };
  return { asked, loadMany };
}

/** Loads many ids when the test says so. */
function slowLoader() {
  const begun = gate<{ ids: number[]; context: ManyLoadContext<number> }>();
  const result = gate<Map<number, string>>();
  const loadMany = (ids: number[], context: ManyLoadContext<number>): Promise<Map<number, string>> => {
    begun.open({ ids: [...ids], context });
    return result.opened;
  };
  return { loadMany, begun: begun.opened, land: result.open, fail: result.fail };
}

/** Takes texts that do not begin with `bad`. */
function schema(validate: (value: unknown) => Promise<void> | void = () => {}): StandardSchemaV1<unknown, string> {
  const answer = (value: unknown) =>
    typeof value === 'string' && !value.startsWith('bad') ? { value } : { issues: [{ message: 'no' }] };
  const check = (value: unknown) => {
    const wait = validate(value);
    return wait instanceof Promise ? wait.then(() => answer(value)) : answer(value);
  };
  return { '~standard': { version: 1, vendor: 'test', validate: check } };
}

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

describe('loadMany', () => {
  test('is called once for 64 concurrent gets on a cold cache, and for none of them again', async () => {
    const { a, b } = await openTwo();
    const { asked, loadMany } = loader<number>();
    const [here, there] = [a, b].map((cache) => cache.define({ name: 'n', loadMany }));
    const values = await Promise.all(numbers(64).map((id) => here?.get(id)));
    expect(values).toEqual(numbers(64).map((id) => `loaded ${id}`));
    expect(asked).toEqual([numbers(64)]);
    await a.close();
    await Promise.all(numbers(64).map((id) => there?.get(id)));
    expect(asked).toHaveLength(1);
  });

  test('is called once for all calls of one tick, those that promises lead to included', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    const values = cache.define({ name: 'n', tags: (id) => [`n:${id}`], loadMany });
    const later = async (): Promise<unknown> => {
      await Promise.resolve();
      return values.get(9);
    };
    await Promise.all([values.get(1), values.getMany([2, 3, 1]), later(), values.get(1)]);
    expect(asked.map((ids) => ids.toSorted())).toEqual([[1, 2, 3, 9]]);
  });

  test('gets at most `maxBatch` ids, 128 if nothing is said, in calls at the same time', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    const some = cache.define({ name: 'some', maxBatch: 50, loadMany });
    expect((await some.getMany(numbers(120))).size).toBe(120);
    expect(asked.map((ids) => ids.length)).toEqual([50, 50, 20]);
    expect(asked.flat().toSorted((x, y) => x - y)).toEqual(numbers(120));
    const many = cache.define({ name: 'many', loadMany });
    await Promise.all(numbers(130).map((id) => many.get(id)));
    expect(asked.slice(3).map((ids) => ids.length)).toEqual([128, 2]);
  });

  test('knows ids that are objects as the objects that it was given', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<{ n: number }>(({ n }) => `loaded ${n}`);
    const values = cache.define({ name: 'n', loadMany });
    const [one, alike, other] = [{ n: 1 }, { n: 1 }, { n: 2 }];
    const found = await values.getMany([other, one, alike, other]);
    expect([...found]).toEqual([
      [other, 'loaded 2'],
      [one, 'loaded 1'],
      [alike, 'loaded 1'],
    ]);
    expect(found.get(alike)).toBe('loaded 1');
    expect(asked).toEqual([[other, one]]);
  });

  test('of an id that it leaves out there is no value, and that is remembered only where it is told', async () => {
    const cache = await open();
    const asked: string[][] = [];
    const values = cache.define<string, string>({
      name: 'n',
      loadMany: (ids, { of }) => {
        asked.push(ids);
        if (ids.includes('known')) of('known').notFound();
        expect(() => of('another')).toThrow(expect.objectContaining({ code: 'RU_CONFIG' }));
        return new Map([['there', 'yes']]);
      },
    });
    const ids = ['none', 'known', 'there'];
    expect([...(await values.getMany(ids))]).toEqual([['there', 'yes']]);
    expect(await Promise.all(ids.map((id) => values.get(id)))).toEqual([undefined, undefined, 'yes']);
    expect(asked).toEqual([ids, ['none']]);
  });

  test('loads an id that is wanted twice, because calls are forced, in two calls', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    const values = cache.define({ name: 'n', loadMany });
    expect(await Promise.all([values.refresh(1), values.refresh(1), values.get(2)])).toEqual([
      'loaded 1',
      'loaded 1',
      'loaded 2',
    ]);
    for (const ids of asked) expect(new Set(ids).size).toBe(ids.length);
    expect(asked.flat().toSorted()).toEqual([1, 1, 2]);
  });

  test('a failure is that of all who wait, a return of no map too, and nothing is stored', async () => {
    const cache = await open();
    let isBroken = true;
    const values = cache.define<number, string>({
      name: 'n',
      loadMany: (ids) => {
        if (isBroken) throw new Error('the database is gone');
        return Object.fromEntries(ids.map((id) => [id, 'x'])) as never;
      },
    });
    const outcomes = await Promise.allSettled([values.get(1), values.get(2), values.getMany([3, 4])]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'the database is gone' } });
    }
    isBroken = false;
    await expect(values.getMany([1, 2])).rejects.toMatchObject({
      code: 'RU_CONFIG',
      message: expect.stringContaining('define.loadMany'),
    });
    expect(await Promise.all([1, 2, 3, 4].map((id) => values.peek(id)))).toEqual(numbers(4).map(() => undefined));
  });

  test('a value that the schema rejects is the failure of its id alone', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>((id) => (id === 2 ? 'bad' : `good ${id}`));
    const values = cache.define({ name: 'n', schema: schema(), loadMany });
    const [one, two] = await Promise.allSettled([values.get(1), values.get(2)]);
    expect(one).toMatchObject({ value: 'good 1' });
    expect(two).toMatchObject({ reason: { code: 'RU_CACHE_LOADED_VALUE', key: '2' } });
    expect(asked).toEqual([[1, 2]]);
    expect([await values.peek(1), await values.peek(2)]).toEqual(['good 1', undefined]);
  });

  test('is not asked for an id that another process loads, which is waited for', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader();
    const first = a.define({ name: 'n', loadMany: slow.loadMany }).get(1);
    expect((await slow.begun).ids).toEqual([1]);
    const { asked, loadMany } = loader<number>();
    const second = b.define({ name: 'n', loadMany }).getMany([1, 2, 3]);
    await eventually(() => asked.length === 1);
    slow.land(new Map([[1, 'by a']]));
    expect(await first).toBe('by a');
    expect([...(await second).values()]).toEqual(['by a', 'loaded 2', 'loaded 3']);
    expect(asked).toEqual([[2, 3]]);
  });

  test('an id that is invalidated while it is loaded is not stored, the others of its call are', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader();
    const values = a.define({ name: 'n', loadMany: slow.loadMany });
    const call = values.getMany([1, 2]);
    await slow.begun;
    await b.define({ name: 'n', load: (id: number) => `${id}` }).invalidate(1);
    slow.land(
      new Map([
        [1, 'old'],
        [2, 'two'],
      ]),
    );
    expect([...(await call).values()]).toEqual(['old', 'two']);
    await eventually(async () => (await values.peek(2)) === 'two');
    expect(await values.peek(1)).toBeUndefined();
  });

  test('stale values are served while they are loaded anew, and when that fails', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    let isBroken = true;
    const failures: unknown[] = [];
    cache.on('error', ({ operation, key }) => failures.push([operation, key]));
    const values = cache.define({
      name: 'n',
      grace: '1m',
      loadMany: (ids: number[]) => (isBroken ? Promise.reject(new Error('no')) : loadMany(ids)),
    });
    for (const id of [1, 2]) await values.set(id, 'old');
    await values.markStale(1);
    expect(await values.get(1)).toBe('old');
    await eventually(() => failures.length === 1);
    expect(failures).toEqual([['refresh', '1']]);
    isBroken = false;
    await values.markStale(2);
    expect([...(await values.getMany([1, 2])).values()]).toEqual(['old', 'old']);
    await eventually(async () => (await values.peek(2)) === 'loaded 2');
    expect(asked).toContainEqual([2]);
  });

  test('is aborted when nobody waits for any of its ids, and not before', async () => {
    const cache = await open();
    const slow = slowLoader();
    const values = cache.define({ name: 'n', loadMany: slow.loadMany });
    const [one, two] = [new AbortController(), new AbortController()];
    const calls = [values.get(1, { signal: one.signal }), values.get(2, { signal: two.signal })];
    const { ids, context } = await slow.begun;
    expect(ids).toEqual([1, 2]);
    one.abort(new Error('one has left'));
    await expect(calls[0]).rejects.toThrow('one has left');
    expect([context.of(1).signal.aborted, context.signal.aborted]).toEqual([true, false]);
    two.abort(new Error('two has left'));
    await expect(calls[1]).rejects.toThrow('two has left');
    expect(context.signal.reason).toMatchObject({ message: 'two has left' });
    slow.land(new Map());
  });

  test('a call with a timeout ends alone', async () => {
    const cache = await open();
    const slow = slowLoader();
    const values = cache.define({ name: 'n', loadMany: slow.loadMany });
    const calls = [values.get(1, { timeout: '50ms' }), values.get(2)];
    await slow.begun;
    await expect(calls[0]).rejects.toMatchObject({ code: 'RU_TIMEOUT' });
    slow.land(new Map([[2, 'two']]));
    expect(await calls[1]).toBe('two');
  });

  test('is not held up by a call of the same tick whose schema takes its time', async () => {
    const cache = await open();
    const held = gate();
    const { asked, loadMany } = loader<number>();
    const slow = schema((value) => (value === 'slow' ? held.opened : undefined));
    const values = cache.define({ name: 'n', schema: slow, loadMany });
    await values.set(1, 'slow');
    const calls = [values.get(1), values.get(2)];
    expect(await calls[1]).toBe('loaded 2');
    held.open();
    expect(await calls[0]).toBe('slow');
    expect(asked).toEqual([[2]]);
  });

  test('a call of `getMany` that fails leaves nothing behind', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    const values = cache.define({ name: 'n', tags: (id) => [id === 2 ? '' : 'n'], loadMany });
    await expect(values.getMany([1, 2])).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(values.getMany([1], { ttl: '1m' } as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(values.getMany(1 as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    expect((await values.getMany([])).size).toBe(0);
    expect(await values.get(3)).toBe('loaded 3');
    expect(asked.flat()).toContain(3);
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
