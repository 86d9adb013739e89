import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import {
  DistributedSemaphore,
  type LockGuard,
  LockTimeoutError,
  type SemaphoreOptions,
} from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';
import { serverMs } from './server-clock.js';

noLeaks();

interface Parties {
  readonly managers: readonly RedisManager[];
  readonly all: readonly DistributedSemaphore[];
  readonly one: DistributedSemaphore;
  readonly other: DistributedSemaphore;
  readonly hash: string;
}

/** So many processes that share one semaphore. */
async function setUp(permits: number, options: Partial<SemaphoreOptions> = {}, processes = 2): Promise<Parties> {
  const managers: RedisManager[] = [];
  for (let n = 0; n < processes; n += 1) managers.push(await connect());
  const prefix = managers[0]?.config.prefix ?? '';
  const all = managers.map(
    (manager) => new DistributedSemaphore(manager, 'k', { permits, ttl: '10s', ...options, prefix }),
  );
  const [one, other] = all as [DistributedSemaphore, DistributedSemaphore];
  return { managers, all, one, other, hash: `${prefix}:semaphore:{k}` };
}

const queued = async (semaphore: DistributedSemaphore, count: number): Promise<void> =>
  eventually(async () => expect((await semaphore.inspect())?.waiters ?? []).toHaveLength(count));

const releaseAll = (guards: readonly (LockGuard | undefined)[]): Promise<unknown> =>
  Promise.all(guards.map((guard) => guard?.release()));

/** Makes the lease of a holder end now, as if it had vanished. */
async function expire(hash: string, guard: LockGuard): Promise<void> {
  const held = String(await raw(['HGET', hash, `o${guard.token}`]));
  await raw(['HSET', hash, `o${guard.token}`, held.replace(/^\d+/, '1'), 'e', '1']);
}

describe('permits', () => {
  test('are held up to their number, refused beyond it, free after release', async () => {
    const { one, other } = await setUp(2);
    const [first, second] = [await one.acquire(), await other.acquire()];
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await one.tryAcquire()).toBeUndefined();
    await expect(other.acquire({ timeout: 500 })).rejects.toThrow(LockTimeoutError);
    expect(await one.release(first)).toEqual({ status: 'released' });
    const third = await other.tryAcquire();
    expect(third?.fence).toBeGreaterThan(second.fence);
    await releaseAll([second, third]);
    expect(await one.inspect()).toBeUndefined();
  });

  test('are taken by weight, all of a request or none', async () => {
    const { one, other } = await setUp(5);
    const three = await one.acquire({ weight: 3 });
    expect(await other.tryAcquire({ weight: 3 })).toBeUndefined();
    const two = await other.tryAcquire({ weight: 2 });
    expect(two?.state).toBe('held');
    expect(await one.tryAcquire()).toBeUndefined();
    expect((await one.inspect())?.holders).toMatchObject([{ weight: 3 }, { weight: 2 }]);
    await releaseAll([three, two]);
    const five = await one.run(async () => (await other.inspect())?.holders, { weight: 5 });
    expect(five).toMatchObject([{ weight: 5 }]);
  });

  test('are counted by what the process of the request says', async () => {
    const { managers, one, hash } = await setUp(1);
    const [manager] = managers as [RedisManager];
    const more = new DistributedSemaphore(manager, 'k', { permits: 3, ttl: '10s' });
    const first = await one.acquire();
    const second = await more.tryAcquire({ weight: 2 });
    expect(second?.state).toBe('held');
    expect(await more.tryAcquire()).toBeUndefined();
    await first.release();
    expect(await one.tryAcquire()).toBeUndefined();
    expect(await raw(['HGET', hash, 'u'])).toBe('2');
    await second?.release();
  });

  test('are stored as documented, and outlived by the key by one to two hours', async () => {
    const { one, hash } = await setUp(3, { metadata: { host: 'a b' } });
    const guard = await one.acquire({ weight: 2 });
    const [held, fence, used, kind, latest] = (await raw([
      'HMGET',
      hash,
      `o${guard.token}`,
      'f',
      'u',
      'p',
      'x',
    ])) as string[];
    expect(held).toMatch(new RegExp(`^${latest} 2 ${guard.fence} \\S+:lock:inbox:[\\w-]{11} {"host":"a b"}$`));
    expect([fence, used, kind]).toEqual([String(guard.fence), '2', 's']);
    expect(Number(await raw(['PEXPIRETIME', hash]))).toBe((Math.floor(Number(latest) / 3_600_000) + 2) * 3_600_000);
    await guard.extend('5h');
    const [extended] = (await raw(['HMGET', hash, 'x'])) as string[];
    expect(Number(extended)).toBeGreaterThan((await serverMs()) + 17_900_000);
    expect(Number(await raw(['PEXPIRETIME', hash]))).toBe((Math.floor(Number(extended) / 3_600_000) + 2) * 3_600_000);
    await guard.release();
    expect(await raw(['HKEYS', hash])).not.toContain(`o${guard.token}`);
    expect(await raw(['HGET', hash, 'f'])).toBe(String(guard.fence));
  });

  test('whose key holds another type are a configuration error, never contention', async () => {
    const { one, hash } = await setUp(3);
    await raw(['SET', hash, 'mine', 'PX', 60_000]);
    await expect(one.acquire({ timeout: 5_000 })).rejects.toThrow(hash);
    await expect(one.inspect()).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await raw(['DEL', hash]);
    const guard = await one.acquire();
    await raw(['DEL', hash]);
    await raw(['SET', hash, 'mine', 'PX', 60_000]);
    await expect(guard.verify()).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    expect(await guard.release()).toEqual({ status: 'stolen' });
  });

  test.runIf(target.single)('that the server refuses to write are not held, and say what it said', async () => {
    const { managers, one } = await setUp(2);
    const prefix = managers[0]?.config.prefix ?? '';
    await raw(['ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-hset']);
    const reader = await connect({ username: 'reader', password: 'pw', prefix });
    const theirs = new DistributedSemaphore(reader, 'k', { permits: 2, ttl: '10s' });
    await expect(theirs.acquire()).rejects.toMatchObject({ code: 'RU_SERVER' });
    const held = await one.acquire({ weight: 2 });
    await expect(theirs.acquire()).rejects.toMatchObject({ code: 'RU_SERVER' });
    expect((await one.inspect())?.waiters).toEqual([]);
    await held.release();
  });

  test('never exceed their number, whoever takes them', async () => {
    const { all } = await setUp(5, {}, 4);
    let held = 0;
    const fences: bigint[] = [];
    const work = async (semaphore: DistributedSemaphore, n: number): Promise<void> => {
      const weight = 1 + (n % 4);
      await semaphore.run(
        async (guard) => {
          held += weight;
          expect(held).toBeLessThanOrEqual(5);
          fences.push(guard.fence);
          expect(await guard.verify()).toBe(true);
          held -= weight;
        },
        { weight, timeout: '60s' },
      );
    };
    const turns = Array.from({ length: 10 }, (_, n) => all.map((semaphore, at) => work(semaphore, n + at)));
    await Promise.all(turns.flat());
    expect(new Set(fences).size).toBe(40);
    expect(await all[0]?.inspect()).toBeUndefined();
  });
});

describe('those who wait for permits', () => {
  test('get them in the order in which they came, over all processes', async () => {
    const { all, one, hash } = await setUp(1, {}, 4);
    const held = await one.acquire();
    const order: number[] = [];
    const turns: Promise<void>[] = [];
    for (const [n, semaphore] of [...all, ...all].entries()) {
      turns.push(semaphore.run(async () => void order.push(n)));
      await queued(one, n + 1);
    }
    await held.release();
    await Promise.all(turns);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const fields = (await raw(['HKEYS', hash])) as string[];
    expect(fields.toSorted()).toEqual(['e', 'f', 'p', 'u', 'x']);
  });

  test('get what one release gives back together, as many as fit', async () => {
    const { one, other, hash } = await setUp(4);
    const held = await one.acquire({ weight: 4 });
    const waiting = [];
    for (const [n, weight] of [2, 1, 1, 1].entries()) {
      waiting.push(other.acquire({ weight }));
      await queued(one, n + 1);
    }
    await held.release();
    const guards = await Promise.all(waiting.slice(0, 3));
    expect(guards.map(({ state }) => state)).toEqual(['held', 'held', 'held']);
    await queued(one, 1);
    expect(await raw(['HMGET', hash, 'h', 't'])).toEqual(['3', '4']);
    await guards[0]?.release();
    await releaseAll([...guards, await waiting[3]]);
  });

  test('for many are not starved by those who want few', async () => {
    const { one, other } = await setUp(3);
    const [first, second] = [await one.acquire(), await one.acquire()];
    const large = other.acquire({ weight: 3 });
    await queued(one, 1);
    expect(await one.tryAcquire()).toBeUndefined();
    const small = one.acquire();
    await queued(one, 2);
    await first.release();
    expect((await one.inspect())?.waiters).toMatchObject([{ weight: 3 }, { weight: 1 }]);
    await second.release();
    const all = await large;
    await queued(one, 1);
    await all.release();
    await (await small).release();
  });

  test('are overtaken by order barge where there is room', async () => {
    const { managers, one, other } = await setUp(3);
    const [manager] = managers as [RedisManager];
    const { prefix } = manager.config;
    const barging = new DistributedSemaphore(manager, 'k', { permits: 3, ttl: '10s', order: 'barge', prefix });
    const held = await one.acquire({ weight: 2 });
    const large = other.acquire({ weight: 3 });
    await queued(one, 1);
    const overtaking = await barging.tryAcquire();
    expect(overtaking?.state).toBe('held');
    await releaseAll([held, overtaking]);
    await (await large).release();
  });

  test('let those behind them go first when they give up', async () => {
    const { one, other } = await setUp(2);
    const held = await one.acquire();
    const stop = new AbortController();
    const large = other.acquire({ weight: 2, signal: stop.signal });
    const ended = expect(large).rejects.toThrow('enough');
    await queued(one, 1);
    const small = one.acquire();
    await queued(one, 2);
    stop.abort(new Error('enough'));
    await ended;
    await releaseAll([held, await small]);
  });

  test('get the permits of a holder that has vanished when its lease ends, and only those', async () => {
    const { one, other, hash } = await setUp(2);
    const lives = await one.acquire();
    const end = (await serverMs()) + 300;
    await raw(['HSET', hash, 'ogone', `${end} 1 5 nowhere `, 'u', '2', 'e', String(end)]);
    const [first, second] = [other.acquire(), other.acquire()];
    const next = await first;
    expect(await serverMs()).toBeGreaterThanOrEqual(end);
    expect(next.state).toBe('held');
    await queued(one, 1);
    expect(lives.state).toBe('held');
    expect(await lives.release()).toEqual({ status: 'released' });
    await releaseAll([next, await second]);
  });

  test('end at once when their manager closes, and hold up nobody', async () => {
    const { managers, one, other } = await setUp(2);
    const held = await one.acquire();
    const ended = expect(other.acquire({ weight: 2 })).rejects.toMatchObject({ code: 'RU_CLOSED' });
    await queued(one, 1);
    const small = one.acquire();
    await queued(one, 2);
    await managers[1]?.close();
    await ended;
    await releaseAll([held, await small]);
  });
});

describe('a permit', () => {
  test('is renewed while it is held, and lost alone when its data are', async () => {
    const { one, other, hash } = await setUp(2, { ttl: 1_500 });
    const [first, second] = [await one.acquire(), await other.acquire()];
    const { signal } = first;
    await raw(['HDEL', hash, `o${first.token}`]);
    await eventually(() => expect(signal.aborted).toBe(true));
    expect(signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'expired' });
    expect(second.state).toBe('held');
    expect(await first.release()).toEqual({ status: 'expired' });
    expect(await second.verify()).toBe(true);
    expect(await second.release()).toEqual({ status: 'released' });
  });

  test('whose lease has ended is not revived', async () => {
    const { one, other, hash } = await setUp(1);
    const first = await one.acquire();
    await expire(hash, first);
    await expect(first.extend()).rejects.toMatchObject({ reason: 'expired' });
    const next = await other.tryAcquire();
    expect(next?.fence).toBeGreaterThan(first.fence);
    expect(await first.release()).toEqual({ status: 'expired' });
    expect(await next?.verify()).toBe(true);
    await next?.release();
  });

  test('of a lease that has ended, which nobody has followed, was held alone until its release', async () => {
    const { one, hash } = await setUp(1);
    const guard = await one.acquire();
    await expire(hash, guard);
    expect(await guard.release()).toEqual({ status: 'released' });
    expect(await raw(['HGET', hash, 'u'])).toBe('0');
  });

  test('is taken from every holder by force, each of whom is told, and given to those who wait', async () => {
    const { one, other } = await setUp(2);
    expect(await one.forceRelease({ reason: 'x' })).toBe(false);
    const guards = [await one.acquire(), await other.acquire()];
    const signals = guards.map(({ signal }) => signal);
    const waiting = one.acquire();
    await queued(other, 1);
    expect(await other.forceRelease({ reason: 'they hang' })).toBe(true);
    const next = await waiting;
    await eventually(() => expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]));
    expect(signals[0]?.reason).toMatchObject({ reason: 'forced', cause: { message: 'they hang' } });
    expect(await next.verify()).toBe(true);
    await next.release();
  });

  test('does not write for its holder: that needs exclusion', async () => {
    const { one } = await setUp(2);
    await using guard = await one.acquire();
    await expect(guard.exec((tx) => tx.queue(['SET', 'x', '1']))).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});
