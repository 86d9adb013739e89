import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';
import { serverMs } from './server-clock.js';

noLeaks();

interface Parties {
  readonly manager: RedisManager;
  readonly lock: DistributedLock;
  readonly others: DistributedLock;
  readonly hash: string;
}

async function setUp(): Promise<Parties> {
  const [manager, other] = [await connect(), await connect()];
  const { prefix } = manager.config;
  return {
    manager,
    lock: new DistributedLock(manager, 'k', '10s', { order: 'barge' }),
    others: new DistributedLock(other, 'k', '10s', { prefix }),
    hash: `${prefix}:lock:{k}`,
  };
}

const waiting = async (lock: DistributedLock, count: number): Promise<void> =>
  eventually(async () => expect((await lock.inspect())?.waiters).toHaveLength(count));

describe('a lock that may barge', () => {
  test('stays in its process while somebody there wants it, ahead of others, with rising fences', async () => {
    const { manager, lock, others } = await setUp();
    const first = await lock.acquire();
    const order: string[] = [];
    const other = others.run(async () => void order.push('other'));
    await waiting(others, 1);
    const again = new DistributedLock(manager, 'k', '10s', { order: 'barge' });
    const fences = [first.fence];
    const mine = [1, 2, 3].map(async (n) => {
      await again.run(async (guard) => {
        order.push(`mine ${n}`);
        expect(await guard.verify()).toBe(true);
        fences.push(guard.fence);
      });
    });
    expect(await first.release()).toEqual({ status: 'released' });
    await Promise.all([...mine, other]);
    expect(order).toEqual(['mine 1', 'mine 2', 'mine 3', 'other']);
    expect(fences).toEqual(fences.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(fences).size).toBe(4);
  });

  test('does not go on waiting for it once it has overtaken the others', async () => {
    const { lock, others, hash } = await setUp();
    await (await lock.acquire()).release();
    await raw(['HSET', hash, 'o', 'vanished', 'x', String((await serverMs()) + 2_000)]);
    const acquired = lock.acquire();
    await eventually(async () => expect(await raw(['HEXISTS', hash, 't'])).toBe(1));
    const guard = await acquired;
    expect((await others.inspect())?.waiters).toEqual([]);
    await guard.release();
    expect(await raw(['HGET', hash, 'o'])).toBe('');
  });

  test('goes to others after 16 of its process', async () => {
    const { lock, others } = await setUp();
    const first = await lock.acquire();
    const order: string[] = [];
    const other = others.run(async () => void order.push('other'));
    await waiting(others, 1);
    const mine = Array.from({ length: 20 }, () => lock.run(async () => void order.push('mine')));
    await first.release();
    await Promise.all([...mine, other]);
    // on a machine that stands still for long, the time is up before the number
    expect(order.indexOf('other')).toBeLessThanOrEqual(16);
    expect(order).toHaveLength(21);
  });

  test('is asked for by one of the process, whatever number wants it', async () => {
    const { lock, others } = await setUp();
    const held = await others.acquire();
    const mine = [1, 2, 3].map(() => lock.run(async () => {}));
    await waiting(others, 1);
    await held.release();
    await Promise.all(mine);
  });

  test('lets a wait end by itself: by its time, by its signal, and the next one goes on', async () => {
    const { lock } = await setUp();
    const first = await lock.acquire();
    const stop = new AbortController();
    const waits = [lock.acquire({ timeout: 20 }), lock.acquire({ signal: stop.signal }), lock.acquire()];
    const ends = Promise.allSettled(waits);
    stop.abort(new Error('enough'));
    await expect(waits[0]).rejects.toMatchObject({ code: 'RU_LOCK_TIMEOUT' });
    await expect(waits[1]).rejects.toThrow('enough');
    await first.release();
    const [, , last] = await ends;
    expect(last).toMatchObject({ status: 'fulfilled', value: { state: 'held' } });
    await (await waits[2])?.release();
  });

  test('that was lost is asked for anew by those who wait', async () => {
    const { lock, hash } = await setUp();
    const first = await lock.acquire();
    const next = lock.acquire();
    await raw(['DEL', hash]);
    expect(await first.release()).toEqual({ status: 'expired' });
    expect((await next).state).toBe('held');
    await (await next).release();
  });

  test('is not to be had by tryAcquire while one of the process has it', async () => {
    const { lock } = await setUp();
    const first = await lock.tryAcquire();
    expect(await lock.tryAcquire()).toBeUndefined();
    await first?.release();
    await (await lock.tryAcquire())?.release();
  });
});
