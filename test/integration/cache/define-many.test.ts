import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { gate } from './gate.js';
import { loader, numbers, open, openTwo, schema, slowLoader, sorted } from './definitions.js';

noLeaks();

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
    expect(asked).toEqual([[1, 2, 3, 9]]);
  });

  test('gets at most `maxBatch` ids, 128 if nothing is said, in calls at the same time', async () => {
    const cache = await open();
    const { asked, loadMany } = loader<number>();
    const some = cache.define({ name: 'some', maxBatch: 50, loadMany });
    expect((await some.getMany(numbers(120))).size).toBe(120);
    expect(asked.map((ids) => ids.length)).toEqual([50, 50, 20]);
    expect(sorted(asked.flat())).toEqual(numbers(120));
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
    expect(asked).toEqual([[{ n: 2 }, { n: 1 }]]);
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
    expect(sorted(asked.flat())).toEqual([1, 1, 2]);
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
