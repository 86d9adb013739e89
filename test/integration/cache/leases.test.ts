import { describe, expect, test } from 'vitest';
import { CacheManager, type CacheOptions, type LoadContext } from '../../../src/cache/index.js';
import type { StandardSchemaV1 } from '../../../src/core/standard-schema.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, uniquePrefix } from '../../support/target.js';
import { gate } from './gate.js';

noLeaks();

/** What two processes have: connections of their own to the same keys. */
async function openTwo(options?: CacheOptions) {
  const prefix = uniquePrefix();
  const [a, b] = await Promise.all([connect({ prefix }), connect({ prefix })]);
  return { a: new CacheManager(a, '5m', options), b: new CacheManager(b, '5m', options), key: `${prefix}:cache:{k}` };
}

/** A loader that says when it runs, how often it ran, and waits for the test. */
function slowLoader<T>() {
  const result = gate<T>();
  const begun = gate<LoadContext>();
  const counts = { loads: 0 };
  const load = (context: LoadContext): Promise<T> => {
    counts.loads += 1;
    begun.open(context);
    return result.opened;
  };
  return { load, counts, begun: begun.opened, land: result.open, fail: result.fail };
}

const never = (): never => expect.unreachable();

describe('across processes', () => {
  test('a cold key is loaded once: the others wait for what the one brings', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<{ by: string }>();
    const first = a.getOrSet('k', slow.load);
    await slow.begun;
    const others = Array.from({ length: 20 }, () => b.getOrSet<{ by: string }>('k', never));
    await eventually(() => b.stats().joined === 19);
    slow.land({ by: 'a' });
    expect(await first).toEqual({ by: 'a' });
    const values = await Promise.all(others);
    expect(values).toEqual(values.map(() => ({ by: 'a' })));
    expect(new Set(values).size).toBe(values.length);
    expect([a.stats().loads, b.stats().loads]).toEqual([1, 0]);
  });

  test('a load that fails is the failure of its own callers; one of the others loads then', async () => {
    const { a, b } = await openTwo();
    const failing = slowLoader<string>();
    const first = a.getOrSet('k', failing.load);
    await failing.begun;
    const second = b.getOrSet('k', () => 'from b');
    failing.fail(new Error('a cannot'));
    await expect(first).rejects.toThrow('a cannot');
    expect(await second).toBe('from b');
    expect(await a.getOrSet('k', never)).toBe('from b');
  });

  test('a loader that has nothing leaves the key to the next', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<undefined>();
    const first = a.getOrSet('k', slow.load);
    await slow.begun;
    const second = b.getOrSet<unknown>('k', () => 2);
    slow.land(undefined);
    expect(await first).toBeUndefined();
    expect(await second).toBe(2);
  });

  test('a process that died while it loaded is waited for no longer than its lease', async () => {
    const { b, key } = await openTwo();
    const [seconds = 0, micros = 0] = ((await raw(['TIME'])) as string[]).map(Number);
    const nowMs = seconds * 1000 + Math.floor(micros / 1000);
    const placeholder = Buffer.alloc(48);
    placeholder.set([0xc1, 0x02, 0x01]);
    placeholder.writeUIntBE(nowMs + 300, 33, 6);
    placeholder.fill(0xab, 39, 47);
    await raw(['SET', key, placeholder, 'PX', '60000']);
    expect(await b.getOrSet('k', () => 'new')).toBe('new');
    const [after = 0] = ((await raw(['TIME'])) as string[]).map(Number);
    expect(after * 1000 + 1000).toBeGreaterThan(nowMs + 300);
    await eventually(async () => (await b.get('k')) === 'new');
  });

  test('a lease is renewed for as long as the loader runs', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<string>();
    const first = a.getOrSet('k', slow.load, { lease: 900 });
    await slow.begun;
    const second = b.getOrSet<string>('k', never, { lease: 900 });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    slow.land('still ours');
    expect(await Promise.all([first, second])).toEqual(['still ours', 'still ours']);
    expect(a.stats().fenced).toBe(0);
  });

  test('with `force` a load takes over from one in progress, whose result is not stored', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<string>();
    const first = a.getOrSet('k', slow.load);
    await slow.begun;
    expect(await b.getOrSet('k', () => 'newer', { force: true })).toBe('newer');
    slow.land('older');
    expect(await first).toBe('older');
    await eventually(() => a.stats().fenced === 1);
    expect(await a.get('k')).toBe('newer');
  });

  test('without a lease each process loads for itself, and what was overtaken is still not stored', async () => {
    const { a, b } = await openTwo({ defaults: { lease: false } });
    const [one, two] = [slowLoader<string>(), slowLoader<string>()];
    const first = a.getOrSet('k', one.load);
    const second = b.getOrSet('k', two.load);
    await Promise.all([one.begun, two.begun]);
    two.land('two');
    expect(await second).toBe('two');
    one.land('one');
    expect(await first).toBe('one');
    await eventually(() => a.stats().fenced === 1);
    expect(await a.get('k')).toBe('two');
  });
});

describe('a process that waits for another', () => {
  test('stops when its callers have left', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<string>();
    const first = a.getOrSet('k', slow.load);
    await slow.begun;
    await expect(b.getOrSet('k', never, { timeout: 60 })).rejects.toMatchObject({ code: 'RU_TIMEOUT' });
    slow.land('v');
    expect(await first).toBe('v');
    expect(await b.getOrSet('k', never)).toBe('v');
  });

  test('loads what its own schema rejects', async () => {
    const { a, b } = await openTwo();
    const slow = slowLoader<number>();
    const first = a.getOrSet('k', slow.load);
    await slow.begun;
    const validate = (value: unknown) => (typeof value === 'string' ? { value } : { issues: [{ message: 'no text' }] });
    const schema: StandardSchemaV1<unknown, string> = { '~standard': { version: 1, vendor: 'test', validate } };
    const second = b.getOrSet('k', () => 'text', { schema });
    slow.land(7);
    expect(await first).toBe(7);
    expect(await second).toBe('text');
  });
});

test('a loader that does not heed its signal keeps nobody waiting once its callers have left', async () => {
  const { a, b } = await openTwo();
  const deaf = slowLoader<string>();
  await expect(a.getOrSet('k', deaf.load, { timeout: 60 })).rejects.toMatchObject({ code: 'RU_TIMEOUT' });
  expect(await b.getOrSet('k', () => 'from b', { timeout: '3s' })).toBe('from b');
  deaf.land('too late');
  await a.close();
  expect(await a.manager.command(['EXISTS', 'x'])).toBe(0);
  expect(await b.get('k')).toBe('from b');
});

test('nor does a caller that leaves while the lease is asked for', async () => {
  const { a, b } = await openTwo();
  for (let turns = 0; turns < 12; turns += 1) {
    const caller = new AbortController();
    const key = `k${turns}`;
    const deaf = (): Promise<string> => new Promise(() => {});
    const call = a.getOrSet(key, deaf, { signal: caller.signal }).catch((error: Error) => error.message);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    caller.abort(new Error('left'));
    expect(await call).toBe('left');
    expect(await b.getOrSet(key, () => 'from b', { timeout: '3s' })).toBe('from b');
  }
});

test('who finds nothing does not take "another is at it" of a load in the background for an answer', async () => {
  const { a, b, key } = await openTwo({ defaults: { grace: '1m' } });
  await a.set('k', 'old', { ttl: '1m', grace: '1m' });
  await a.markStale('k');
  const slow = slowLoader<string>();
  expect(await a.getOrSet('k', slow.load)).toBe('old');
  await slow.begun;
  // b asks for the lease in the background, and before it is answered somebody removes the entry
  const [stale] = await Promise.all([b.getOrSet('k', () => 'from b'), raw(['UNLINK', key])]);
  expect(['old', 'from b']).toContain(stale);
  expect(await b.getOrSet('k', () => 'from b')).toBe('from b');
  slow.land('from a');
  await eventually(() => a.stats().fenced === 1);
  expect(await a.get('k')).toBe('from b');
});

describe('a load in one process is not stored after', () => {
  test.each<[string, (b: CacheManager, key: string) => Promise<unknown>, unknown]>([
    ['a delete in another', (b) => b.delete('k'), undefined],
    ['a set in another', (b) => b.set('k', 'explicit'), 'explicit'],
    ['a setIfAbsent in another', (b) => b.setIfAbsent('k', 'explicit'), 'explicit'],
    ['an increment in another', (b) => b.increment('k'), 1],
    ['a getAndDelete in another', (b) => b.getAndDelete('k'), undefined],
    ['a markStale in another', (b) => b.markStale('k'), undefined],
    ['a raw DEL', (_b, key) => raw(['DEL', key]), undefined],
    ['a raw SET', (_b, key) => raw(['SET', key, '7']), 7],
    ['the end of the key', (_b, key) => raw(['PEXPIRE', key, '0']), undefined],
  ])('%s', async (_what, overtake, stored) => {
    const { a, b, key } = await openTwo();
    const slow = slowLoader<string>();
    const waiting = a.getOrSet('k', slow.load);
    await slow.begun;
    await overtake(b, key);
    slow.land('older');
    expect(await waiting).toBe('older');
    await eventually(() => a.stats().fenced === 1);
    expect(await b.get('k')).toEqual(stored);
    expect(await a.get('k')).toEqual(stored);
  });

  test('while a value was there: neither a delete nor a set is undone by its refresh', async () => {
    for (const overtake of [(b: CacheManager) => b.delete('k'), (b: CacheManager) => b.set('k', 'explicit')]) {
      const { a, b } = await openTwo();
      await a.getOrSet('k', () => 'first');
      const slow = slowLoader<string>();
      const waiting = a.getOrSet('k', slow.load, { force: true });
      await slow.begun;
      await overtake(b);
      slow.land('older');
      expect(await waiting).toBe('older');
      expect(await b.get('k')).not.toBe('older');
      expect(await b.get('k')).not.toBe('first');
    }
  });
});

describe('what is at the key and is no entry', () => {
  test('is told, and replaced by what was loaded', async () => {
    const { a, b, key } = await openTwo();
    const told: string[] = [];
    a.on('error', ({ error }) => told.push((error as Error & { code: string }).code));
    await raw(['SET', key, '{"a":1}']);
    expect(await a.getOrSet('k', () => 'ours')).toBe('ours');
    expect(told).toEqual(['RU_FOREIGN_VALUE']);
    expect(await b.get('k')).toBe('ours');
  });

  test('is left alone when it is of another type: the value is loaded and not stored', async () => {
    const { a, key } = await openTwo();
    const told: string[] = [];
    a.on('error', ({ error }) => told.push((error as Error & { replyCode: string }).replyCode));
    await raw(['HSET', key, 'f', 'v']);
    expect(await a.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(told).toEqual(['WRONGTYPE']);
    expect(await raw(['TYPE', key])).toBe('hash');
  });
});

test('close waits until what was loaded is stored', async () => {
  const { a, b } = await openTwo();
  expect(await a.getOrSet('k', () => 'stored')).toBe('stored');
  await a.close();
  expect(await b.get('k')).toBe('stored');
});

test('no key is left without an expiry, and none after a load that failed', async () => {
  const { a, key } = await openTwo();
  const slow = slowLoader<string>();
  const waiting = a.getOrSet('k', slow.load);
  await slow.begun;
  expect(Number(await raw(['PTTL', key]))).toBeGreaterThan(0);
  expect(await a.has('k')).toBe(false);
  expect(await a.touch('k', '1m')).toBe(false);
  slow.fail(new Error('no'));
  await expect(waiting).rejects.toThrow('no');
  await eventually(async () => (await raw(['EXISTS', key])) === 0);
});

test('a placeholder is no value to anybody', async () => {
  const { a, b } = await openTwo();
  const slow = slowLoader<string>();
  const waiting = a.getOrSet('k', slow.load);
  await slow.begun;
  expect([await b.get('k'), await b.has('k'), (await b.getMany(['k'])).size]).toEqual([undefined, false, 0]);
  slow.land('v');
  await waiting;
});
