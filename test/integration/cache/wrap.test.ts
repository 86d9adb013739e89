import { expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, uniquePrefix } from '../../support/target.js';

noLeaks();

async function open(prefix = uniquePrefix()): Promise<CacheManager> {
  return new CacheManager(await connect({ prefix }), '5m');
}

test('a function that is wrapped runs once for the same arguments, also in another process', async () => {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([open(prefix), open(prefix)]);
  const calls: unknown[] = [];
  const load = async (id: number, options: object): Promise<object> => {
    calls.push([id, options]);
    return { id, ...options };
  };
  const [first, second] = [a.wrap(load, { name: 'user' }), b.wrap(load, { name: 'user' })];
  expect(await first(1, { x: 1, y: 2 })).toEqual({ id: 1, x: 1, y: 2 });
  expect(await second(1, { y: 2, x: 1 })).toEqual({ id: 1, x: 1, y: 2 });
  expect(await second(2, { x: 1, y: 2 })).toEqual({ id: 2, x: 1, y: 2 });
  expect(calls).toHaveLength(2);
});

test('no call gets the result of another: of other arguments, another function, or a key of the cache', async () => {
  const cache = await open();
  const echo = (name: string) => cache.wrap(async (...args: unknown[]) => [name, ...args], { name });
  const [one, two] = [echo('one'), echo('two')];
  const calls: unknown[][] = [[], [1], ['1'], [[1]], [1, undefined], [null], ['a', 'b'], ['a,b'], ['x'.repeat(500)]];
  for (const fn of [one, two]) {
    const name = fn === one ? 'one' : 'two';
    for (const args of calls) expect(await fn(...args)).toEqual([name, ...args]);
    for (const args of calls) expect(await fn(...args)).toEqual([name, ...args]);
  }
  await cache.set('[1]', 'mine');
  expect(await one(1)).toEqual(['one', 1]);
});

test('invalidate removes the result of one call', async () => {
  const cache = await open();
  let calls = 0;
  const next = cache.wrap(async (_id: string) => (calls += 1), { name: 'next' });
  expect([await next('a'), await next('b'), await next('a')]).toEqual([1, 2, 1]);
  await next.invalidate('a');
  expect([await next('a'), await next('b')]).toEqual([3, 2]);
});

test('`key` says what tells calls apart', async () => {
  const cache = await open();
  const request = (id: number, trace: () => void) => ({ id, trace });
  const load = cache.wrap(async ({ id }: ReturnType<typeof request>) => id * 2, {
    name: 'double',
    key: ({ id }) => id,
  });
  expect(await load(request(2, () => {}))).toBe(4);
  expect(await load(request(2, () => {}))).toBe(4);
  await expect(cache.wrap(async (_fn: () => void) => 1, { name: 'bare' })(() => {})).rejects.toMatchObject({
    code: 'RU_CONFIG',
  });
});

test('results of another version are computed anew, and a failure is the caller’s and not stored', async () => {
  const cache = await open();
  let calls = 0;
  const versioned = (version: string) => cache.wrap(async () => (calls += 1), { name: 'v', version });
  expect([await versioned('1')(), await versioned('1')(), await versioned('2')()]).toEqual([1, 1, 2]);
  const failing = cache.wrap(async () => Promise.reject(new Error(`call ${(calls += 1)}`)), { name: 'f' });
  await expect(failing()).rejects.toThrow('call 3');
  await expect(failing()).rejects.toThrow('call 4');
});

test.each<[string, object]>([
  ['no name', {}],
  ['an unknown option', { name: 'n', tlt: '5m' }],
  ['force', { name: 'n', force: true }],
])('%s is refused when it is wrapped', async (_what, spec) => {
  const cache = await open();
  expect(() => cache.wrap(async () => 1, spec as never)).toThrow(expect.objectContaining({ code: 'RU_CONFIG' }));
});

test('results can have tags, and `invalidateTags` and `clear` of the cache end them', async () => {
  const cache = await open();
  let calls = 0;
  const load = async (id: number): Promise<string> => `${id}: ${(calls += 1)}`;
  const user = cache.wrap(load, { name: 'user', tags: (id) => [`user:${id}`] });
  const all = cache.wrap(load, { name: 'all', tags: ['users'] });
  expect([await user(1), await user(2), await all(3)]).toEqual(['1: 1', '2: 2', '3: 3']);
  await cache.invalidateTags('user:1');
  expect([await user(1), await user(2), await all(3)]).toEqual(['1: 4', '2: 2', '3: 3']);
  await cache.invalidateTags('users');
  expect([await user(1), await user(2), await all(3)]).toEqual(['1: 4', '2: 2', '3: 5']);
  await cache.clear();
  expect([await user(1), await user(2), await all(3)]).toEqual(['1: 6', '2: 7', '3: 8']);
  await expect(cache.wrap(load, { name: 'bad', tags: () => [''] })(1)).rejects.toMatchObject({ code: 'RU_CONFIG' });
});
