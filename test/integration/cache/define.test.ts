import { describe, expect, test } from 'vitest';
import { CacheManager, type DefinitionSpec } from '../../../src/cache/index.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';

noLeaks();

async function open(prefix = uniquePrefix()): Promise<CacheManager> {
  return new CacheManager(await connect({ prefix }), '5m');
}

/** A definition whose loader of many keeps the books. */
async function openMany(terms: { readonly maxBatch?: number; readonly tags?: (id: number) => string[] } = {}) {
  const cache = await open();
  const calls: number[][] = [];
  const loadMany = async (ids: number[]): Promise<Map<number, string>> => {
    calls.push(ids);
    return new Map(ids.filter((id) => id >= 0).map((id) => [id, `value ${id}`]));
  };
  return { cache, calls, values: cache.define({ name: 'value', loadMany, ...terms }) };
}

const never = (): never => expect.unreachable();
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a definition', () => {
  test('loads what is not there once, also in another process, and keeps it under its name', async () => {
    const prefix = uniquePrefix();
    const [a, b] = await Promise.all([open(prefix), open(prefix)]);
    const load = async (id: { region: string; n: number }): Promise<string> => `${id.region}/${id.n}`;
    const here = a.define({ name: 'place', load });
    const there = b.define<{ region: string; n: number }, string>({ name: 'place', load: never });
    expect(await here.get({ region: 'eu', n: 1 })).toBe('eu/1');
    expect(await there.get({ n: 1, region: 'eu' })).toBe('eu/1');
    expect(await there.peek({ n: 2, region: 'eu' })).toBeUndefined();
    await there.set({ region: 'eu', n: 2 }, 'set', '1m');
    expect(await here.peek({ region: 'eu', n: 2 })).toBe('set');
    expect([
      ...(
        await there.getMany([
          { region: 'eu', n: 2 },
          { region: 'eu', n: 1 },
        ])
      ).values(),
    ]).toEqual(['set', 'eu/1']);
    expect(await here.invalidate({ region: 'eu', n: 1 }, { region: 'eu', n: 2 })).toBe(2);
    expect(await there.peek({ region: 'eu', n: 1 })).toBeUndefined();
  });

  test('has no key in common with functions, namespaces and keys of the cache', async () => {
    const cache = await open();
    const defined = cache.define({ name: 'x', load: async (id: string) => `defined ${id}` });
    const wrapped = cache.wrap(async (id: string) => `wrapped ${id}`, { name: 'x' });
    await cache.namespace('x').set('["1"]', 'namespace');
    expect([await defined.get('1'), await wrapped('1')]).toEqual(['defined 1', 'wrapped 1']);
  });

  test('loads anew what is of another version, and what its schema rejects', async () => {
    const prefix = uniquePrefix();
    const cache = await open(prefix);
    const isNumber: StandardSchemaV1<unknown, number> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
      },
    };
    const first = cache.define({ name: 'n', load: async (_id: string): Promise<unknown> => 'text' });
    expect(await first.get('k')).toBe('text');
    const second = cache.define({ name: 'n', load: async (_id: string) => 1, schema: isNumber });
    expect(await second.peek('k')).toBeUndefined();
    expect(await second.get('k')).toBe(1);
    const third = cache.define({ name: 'n', load: async (_id: string) => 2, version: '2' });
    expect([await third.get('k'), await third.peek('k')]).toEqual([2, 2]);
  });

  test('is refreshed, marked stale, tagged and cleared like all that is in its cache', async () => {
    const cache = await open();
    let loads = 0;
    const load = async (id: number): Promise<string> => `${id}: ${(loads += 1)}`;
    const values = cache.define({ name: 'v', load, grace: '1m', tags: (id) => [`v:${id}`, 'all'] });
    expect([await values.get(1), await values.refresh(1), await values.get(1)]).toEqual(['1: 1', '1: 2', '1: 2']);
    expect(await values.markStale(1)).toBe(1);
    expect(await values.get(1)).toBe('1: 2');
    await eventually(async () => (await values.peek(1)) === '1: 3');
    await values.set(2, 'set');
    await cache.invalidateTags('v:2', { mode: 'drop' });
    expect([await values.peek(1), await values.peek(2)]).toEqual(['1: 3', undefined]);
    await cache.clear();
    expect(await values.peek(1)).toBeUndefined();
  });

  test('tells its loader what `getOrSet` does, and gives its failure to the caller', async () => {
    const cache = await open();
    const values = cache.define({
      name: 'v',
      load: async (id: string, { key, signal, notFound }): Promise<string | undefined> => {
        if (id === 'none') return notFound();
        if (id === 'bad') throw new Error('bad');
        return `${id} ${key} ${signal.aborted}`;
      },
    });
    expect(await values.get('a')).toBe('a ["a"] false');
    expect(await values.get('none')).toBeUndefined();
    await expect(values.get('bad')).rejects.toThrow('bad');
    await expect(values.getMany(['a', 'bad'])).rejects.toThrow('bad');
    await expect(values.get('b', { signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow('mine');
    expect([...(await values.getMany(['a', 'none', 'a'])).keys()]).toEqual(['a']);
  });
});

describe('a loader of many', () => {
  test('is called once for what one tick asks for, in whichever way', async () => {
    const { values, calls } = await openMany();
    await values.set(3, 'there');
    const found = await Promise.all([
      ...upTo(64).map((id) => values.get(id)),
      values.getMany([10, 64, 65, 10]),
      values.get(7),
    ]);
    expect(found.slice(0, 5)).toEqual(['value 0', 'value 1', 'value 2', 'there', 'value 4']);
    expect([...(found[64] as Map<number, string>)]).toEqual([
      [10, 'value 10'],
      [64, 'value 64'],
      [65, 'value 65'],
    ]);
    expect(found[65]).toBe('value 7');
    expect(calls).toHaveLength(1);
    expect([...(calls[0] ?? [])].toSorted((a, b) => a - b)).toEqual(upTo(66).filter((id) => id !== 3));
    expect(await values.get(65)).toBe('value 65');
    expect(calls).toHaveLength(1);
  });

  test('gets at most `maxBatch` ids, and those of the next tick in another call', async () => {
    const { values, calls } = await openMany({ maxBatch: 4 });
    await values.getMany(upTo(10));
    expect(calls.map((ids) => ids.length)).toEqual([4, 4, 2]);
    const first = values.get(20);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, values.get(21)]);
    expect(new Set(calls.slice(3).map(String))).toEqual(new Set(['20', '21']));
  });

  test('need not have a value for each', async () => {
    const { values, calls } = await openMany();
    expect([...(await values.getMany([1, -1])).keys()]).toEqual([1]);
    expect(await values.get(-1)).toBeUndefined();
    expect(calls).toEqual([[1, -1], [-1]]);
  });

  test('that fails, or gives no map, fails all of its ids and no others', async () => {
    const cache = await open();
    let answer: unknown = new Error('away');
    const values = cache.define<number, unknown>({
      name: 'v',
      loadMany: async () => {
        if (answer instanceof Error) throw answer;
        return answer as Map<number, unknown>;
      },
    });
    await values.set(1, 'there');
    const results = await Promise.allSettled([values.get(1), values.get(2), values.get(3)]);
    expect(results).toMatchObject([{ value: 'there' }, { reason: answer }, { reason: answer }]);
    answer = ['no map'];
    await expect(values.get(2)).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });

  test('is not called for what another process is loading', async () => {
    const prefix = uniquePrefix();
    const [a, b] = await Promise.all([open(prefix), open(prefix)]);
    const calls: number[][] = [];
    let land: () => void = never;
    const landed = new Promise<void>((resolve) => (land = resolve));
    const begun = new Promise<void>((resolve) => {
      const first = a.define({
        name: 'v',
        loadMany: async (ids: number[]) => {
          resolve();
          await landed;
          return new Map(ids.map((id) => [id, 'from a']));
        },
      });
      void first.getMany([1, 2]);
    });
    await begun;
    const second = b.define({
      name: 'v',
      loadMany: async (ids: number[]) => {
        calls.push(ids);
        return new Map(ids.map((id) => [id, 'from b']));
      },
    });
    const found = second.getMany([1, 2, 3]);
    await eventually(() => calls.length === 1);
    land();
    expect([...(await found)]).toEqual([
      [1, 'from a'],
      [2, 'from a'],
      [3, 'from b'],
    ]);
    expect(calls).toEqual([[3]]);
  });
});

test.each<[string, unknown]>([
  ['no name', { load: never }],
  ['neither of the loaders', { name: 'v' }],
  ['both of them', { name: 'v', load: never, loadMany: never }],
  ['something else as loader', { name: 'v', load: 1 }],
  ['a batch of nothing', { name: 'v', loadMany: never, maxBatch: 0 }],
  ['a batch where values are loaded one by one', { name: 'v', load: never, maxBatch: 5 }],
  ['an unknown option', { name: 'v', load: never, ttls: 1 }],
  ['a key that is no function', { name: 'v', load: never, key: 'id' }],
])('a definition with %s is refused', async (_what, spec) => {
  const cache = await open();
  expect(() => cache.define(spec as DefinitionSpec<unknown, unknown>)).toThrow(
    expect.objectContaining({ code: 'RU_CONFIG' }),
  );
});

test('an id that is no plain data is refused, and so are unknown options of a call', async () => {
  const cache = await open();
  const values = cache.define({ name: 'v', load: never });
  for (const call of [
    values.get(() => 1),
    values.peek(Symbol('x')),
    values.set(new Map(), 1 as never),
    values.invalidate(never),
    values.getMany('x' as never),
    values.get(1, { ttl: 5 } as never),
  ]) {
    await expect(call).rejects.toMatchObject({ code: 'RU_CONFIG' });
  }
});
