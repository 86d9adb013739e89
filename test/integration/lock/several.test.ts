import { describe, expect, test } from 'vitest';
import { DistributedLock, type LockGuard } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';

noLeaks();

type Make = (keys: string | readonly string[], ttl?: number) => DistributedLock;

/** Two processes that lock the same names. */
async function setUp(): Promise<{ mine: Make; others: Make; hashOf: (key: string) => string }> {
  const [one, other] = [await connect(), await connect()];
  const { prefix } = one.config;
  return {
    mine: (keys, ttl = 10_000) => new DistributedLock(one, keys, ttl),
    others: (keys, ttl = 10_000) => new DistributedLock(other, keys, ttl, { prefix }),
    hashOf: (key) => `${prefix}:lock:{${key}}`,
  };
}

describe('a lock of several keys', () => {
  test('holds all of them, each once, under one fence', async () => {
    const { mine, others, hashOf } = await setUp();
    const lock = mine(['b', 'a', 'b']);
    expect(lock.key).toBe('a,b');
    const guard = await lock.acquire();
    expect(await others('a').tryAcquire()).toBeUndefined();
    expect(await others('b').tryAcquire()).toBeUndefined();
    for (const key of ['a', 'b']) expect(await raw(['HGET', hashOf(key), 'f'])).toBe(String(guard.fence));
    expect(await lock.release(guard)).toEqual({ status: 'released' });
    for (const key of ['a', 'b']) await (await others(key).tryAcquire())?.release();
  });

  test('has a fence above those that any of its keys has had, and below those that it will have', async () => {
    const { mine, others, hashOf } = await setUp();
    const ahead = BigInt(Date.now()) * 1_000n + 60_000_000n;
    await raw(['HSET', hashOf('a'), 'o', '', 'f', String(ahead), 'x', '1']);
    const guard = await mine(['a', 'b']).acquire();
    expect(guard.fence).toBe(ahead + 1n);
    await guard.release();
    const next = await others('b').acquire();
    expect(next.fence).toBe(ahead + 2n);
    await next.release();
  });

  test('is not there when one of them is held, and leaves the others free', async () => {
    const { mine, others } = await setUp();
    const guard = await others('b').acquire();
    expect(await mine(['a', 'b', 'c']).tryAcquire()).toBeUndefined();
    for (const key of ['a', 'c']) await (await others(key).acquire()).release();
    await guard.release();
    expect(await (await mine(['a', 'b', 'c']).tryAcquire())?.release()).toEqual({ status: 'released' });
  });

  test('waits for those that others hold, keeping only what comes before them', async () => {
    const { mine, others } = await setUp();
    const guard = await others('b').acquire();
    const waiting = mine(['a', 'b', 'c']).acquire();
    await eventually(async () => expect((await others('b').inspect())?.waiters).toHaveLength(1));
    expect(await others('a').tryAcquire()).toBeUndefined();
    await (await others('c').acquire()).release();
    await guard.release();
    const all = await waiting;
    expect(all.state).toBe('held');
    expect(await all.verify()).toBe(true);
    await all.release();
  });

  test('whose wait is over holds none of them', async () => {
    const { mine, others } = await setUp();
    const guard = await others('b').acquire();
    await expect(mine(['a', 'b']).acquire({ timeout: 500 })).rejects.toMatchObject({ code: 'RU_LOCK_TIMEOUT' });
    const stop = new AbortController();
    const waiting = mine(['a', 'b']).acquire({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await eventually(async () => expect(await others('a').inspect()).toBeUndefined());
    await guard.release();
  });

  test('is lost when one of them is', async () => {
    const { mine, hashOf } = await setUp();
    const guard = await mine(['a', 'b']).acquire();
    const { signal } = guard;
    await raw(['HSET', hashOf('b'), 'o', 'another']);
    expect(await guard.verify()).toBe(false);
    expect(guard.state).toBe('lost');
    expect(guard.remainingMs).toBe(0);
    expect(() => guard.assertHeld()).toThrow(expect.objectContaining({ code: 'RU_LOCK_LOST' }));
    expect(signal.reason).toMatchObject({ reason: 'stolen' });
    expect(await guard.release()).toEqual({ status: 'stolen' });
  });

  test('never waits in a circle, and its holders never overlap', async () => {
    const { mine, others } = await setUp();
    const names = [['a', 'b'], ['b', 'c'], ['c', 'a'], ['c', 'b', 'a'], ['b'], ['a', 'c']];
    const held = new Set<string>();
    const fences = new Map<string, bigint>();
    const use = (keys: readonly string[], guard: LockGuard): void => {
      for (const key of keys) {
        expect(held.has(key)).toBe(false);
        expect(guard.fence).toBeGreaterThan(fences.get(key) ?? 0n);
        fences.set(key, guard.fence);
      }
    };
    const work = async (make: Make, keys: readonly string[]): Promise<void> => {
      for (let turn = 0; turn < 3; turn += 1) {
        await make(keys).run(
          async (guard) => {
            use(keys, guard);
            for (const key of keys) held.add(key);
            expect(await guard.verify()).toBe(true);
            for (const key of keys) held.delete(key);
          },
          { timeout: '30s' },
        );
      }
    };
    await Promise.all(names.flatMap((keys) => [work(mine, keys), work(others, keys)]));
    expect([...fences.keys()].toSorted()).toEqual(['a', 'b', 'c']);
  });

  test('cannot write through its guard', async () => {
    const { mine } = await setUp();
    await using guard = await mine(['a', 'b']).acquire();
    await expect(guard.exec(() => {})).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});
