import { describe, expect, test } from 'vitest';
import { CacheManager, type ManyLoadContext } from '../../../src/cache/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

async function openTwo() {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  return { a: new CacheManager(a, '5m'), b: new CacheManager(b, '5m') };
}

/** A loader of many keys that keeps what it was asked for. */
function loader(value: (key: string) => unknown = (key) => `loaded ${key}`) {
  const asked: string[][] = [];
  const load = async (missing: string[]): Promise<Map<string, unknown>> => {
    asked.push(missing);
    return new Map(missing.map((key) => [key, value(key)]));
  };
  return { asked, load };
}

describe('getOrSetMany', () => {
  test('loads what is missing by one call, and gives what there is in the order of the keys, each once', async () => {
    const { a } = await openTwo();
    await a.set('b', 'stored b');
    const { asked, load } = loader();
    const found = await a.getOrSetMany(['c', 'b', 'a', 'c'], load);
    expect([...found]).toEqual([
      ['c', 'loaded c'],
      ['b', 'stored b'],
      ['a', 'loaded a'],
    ]);
    expect(asked).toEqual([['c', 'a']]);
    expect([...(await a.getOrSetMany(['a', 'b', 'c'], () => expect.unreachable()))]).toEqual([
      ['a', 'loaded a'],
      ['b', 'stored b'],
      ['c', 'loaded c'],
    ]);
  });

  test('of no keys calls nobody', async () => {
    const { a } = await openTwo();
    expect((await a.getOrSetMany([], () => expect.unreachable())).size).toBe(0);
  });

  test('leaves out what has no value, and remembers that only where it is told', async () => {
    const { a } = await openTwo();
    const found = await a.getOrSetMany(['none', 'known'], async (_missing, { of }) => {
      of('known').notFound();
      return new Map();
    });
    expect(found.size).toBe(0);
    const { asked, load } = loader();
    expect([...(await a.getOrSetMany(['none', 'known'], load)).keys()]).toEqual(['none']);
    expect(asked).toEqual([['none']]);
  });

  test('a failure is that of all who wait, a return of no map too, and nothing is stored', async () => {
    const { a } = await openTwo();
    const fails = a.getOrSetMany(['x', 'y'], () => Promise.reject(new Error('the database is gone')));
    await expect(fails).rejects.toThrow('the database is gone');
    await expect(a.getOrSetMany(['x', 'y'], (() => ({})) as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    expect((await a.getMany(['x', 'y'])).size).toBe(0);
  });

  test('a key that another process loads is waited for, and not loaded here', async () => {
    const { a, b } = await openTwo();
    const slow = gate<string>();
    const begun = gate();
    const first = a.getOrSet('shared', () => {
      begun.open();
      return slow.opened;
    });
    await begun.opened;
    const { asked, load } = loader();
    const second = b.getOrSetMany(['mine', 'shared'], load);
    await eventually(() => asked.length === 1);
    slow.open('by a');
    expect(await first).toBe('by a');
    expect([...(await second)]).toEqual([
      ['mine', 'loaded mine'],
      ['shared', 'by a'],
    ]);
    expect(asked).toEqual([['mine']]);
  });

  test('calls at the same time share their loads', async () => {
    const { a } = await openTwo();
    const { asked, load } = loader();
    const calls = [
      a.getOrSetMany(['x', 'y'], load),
      a.getOrSetMany(['y', 'z'], load),
      a.getOrSet('x', () => expect.unreachable()),
    ];
    await Promise.all(calls);
    expect(asked.flat().toSorted()).toEqual(['x', 'y', 'z']);
  });

  test('stale values are served while one call loads them anew', async () => {
    const { a } = await openTwo();
    const options = { ttl: '1m', grace: '1m' } as const;
    await a.setMany(
      [
        ['x', 'old'],
        ['y', 'old'],
      ],
      options,
    );
    await a.markStale('x', 'y');
    const { asked, load } = loader();
    expect([...(await a.getOrSetMany(['x', 'y'], load, options)).values()]).toEqual(['old', 'old']);
    await eventually(async () => (await a.getMany(['x', 'y'])).get('y') === 'loaded y');
    expect(asked.flat().toSorted()).toEqual(['x', 'y']);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test('a stale key that another call loads anew does not hold up the load of the others', async () => {
    const { a } = await openTwo();
    const options = { grace: '1m', softTimeout: '10s' } as const;
    await a.set('x', 'old', { grace: '1m' });
    await a.markStale('x');
    const slow = gate<string>();
    const begun = gate();
    const load = () => {
      begun.open();
      return slow.opened;
    };
    const first = a.getOrSet('x', load, options);
    await begun.opened;
    const { asked, load: loadMissing } = loader();
    const second = a.getOrSetMany(['x', 'z'], loadMissing, options);
    await eventually(() => asked.length === 1);
    slow.open('new');
    expect(await first).toBe('new');
    expect([...(await second).values()]).toEqual(['new', 'loaded z']);
    expect(asked).toEqual([['z']]);
  });

  test('the loader is aborted when nobody waits for any of its keys', async () => {
    const { a } = await openTwo();
    const caller = new AbortController();
    const begun = gate();
    const aborted = gate<string>();
    const load = (_missing: string[], { signal }: ManyLoadContext): Promise<Map<string, never>> =>
      new Promise((_, reject) => {
        begun.open();
        signal.addEventListener('abort', () => {
          aborted.open((signal.reason as Error).message);
          reject(signal.reason as Error);
        });
      });
    const call = a.getOrSetMany(['x', 'y'], load, { signal: caller.signal });
    await begun.opened;
    caller.abort(new Error('the caller has left'));
    await expect(call).rejects.toThrow('the caller has left');
    expect(await aborted.opened).toBe('the caller has left');
  });
});
