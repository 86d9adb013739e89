import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../src/core/errors.js';
import { DistributedLock, LockLostError, LockTimeoutError } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, rawOnEachNode } from '../../support/target.js';
import { clockPast, serverMs } from './server-clock.js';

noLeaks();

/** A lock on a manager of its own, and the name of its hash. */
async function setUp(ttl = 10_000): Promise<{ lock: DistributedLock; rival: DistributedLock; hash: string }> {
  const [mine, others] = [await connect(), await connect()];
  const { prefix } = mine.config;
  return {
    lock: new DistributedLock(mine, 'invoice:42', ttl),
    rival: new DistributedLock(others, 'invoice:42', ttl, { prefix }),
    hash: `${prefix}:lock:{invoice:42}`,
  };
}

const field = (hash: string, name: string): Promise<unknown> => raw(['HGET', hash, name]);

const HOUR_MS = 3_600_000;

const expiryOf = async (hash: string): Promise<number> => Number(await raw(['PEXPIRETIME', hash]));

function hourAfterNext(ms: number): number {
  return (Math.floor(ms / HOUR_MS) + 2) * HOUR_MS;
}

describe('a lock', () => {
  test('is held by one, refused to others, free after release', async () => {
    const { lock, rival } = await setUp();
    const guard = await lock.acquire();
    expect(guard.state).toBe('held');
    expect(await rival.tryAcquire()).toBeUndefined();
    await expect(rival.acquire({ timeout: 500 })).rejects.toThrow(LockTimeoutError);
    expect(await lock.release(guard)).toEqual({ status: 'released' });
    const next = await rival.tryAcquire();
    expect(next?.fence).toBeGreaterThan(guard.fence);
    await next?.release();
  });

  test('is handed to a waiter after release', async () => {
    const { lock, rival } = await setUp();
    const guard = await lock.acquire();
    const waiting = rival.acquire();
    await guard.release();
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(guard.fence);
    await next.release();
  });

  test('is stored as documented, with an expiry that outlives the lease by one to two hours', async () => {
    const manager = await connect();
    const metadata = { host: 'a', role: 'billing' };
    const guard = await new DistributedLock(manager, 'k', '10s', { metadata }).acquire();
    const hash = `${manager.config.prefix}:lock:{k}`;
    expect(await field(hash, 'o')).toBe(guard.token);
    expect(await field(hash, 'f')).toBe(String(guard.fence));
    expect(await field(hash, 'm')).toBe(JSON.stringify(metadata));
    const leaseMs = Number(await field(hash, 'x')) - (await serverMs());
    expect(leaseMs).toBeGreaterThan(8_000);
    expect(leaseMs).toBeLessThanOrEqual(10_000);
    expect(await expiryOf(hash)).toBe(hourAfterNext(Number(await field(hash, 'x'))));
    await guard.release();
    expect(await field(hash, 'o')).toBe('');
    expect(await field(hash, 'f')).toBe(String(guard.fence));
    expect(await expiryOf(hash)).toBeGreaterThan((await serverMs()) + HOUR_MS);
  });

  test('does not show the metadata of the holder before', async () => {
    const { lock, hash } = await setUp();
    await raw(['HSET', hash, 'o', '', 'f', '5', 'x', '1', 'n', 'inbox', 'm', '{"host":"before"}']);
    const guard = await lock.acquire();
    expect(await field(hash, 'm')).toBeNull();
    expect(await field(hash, 'n')).toMatch(/:lock:inbox:[\w-]{11}$/);
    await guard.release();
  });

  test('of another prefix or with braces in its key is another lock', async () => {
    const manager = await connect();
    const { prefix } = manager.config;
    const guards = await Promise.all(
      ['a', '{a}', 'x{a}', '{', 'a}'].map((key) => new DistributedLock(manager, key, '10s').tryAcquire()),
    );
    const elsewhere = await new DistributedLock(manager, 'a', '10s', { prefix: `${prefix}2` }).tryAcquire();
    for (const guard of [...guards, elsewhere]) expect((await guard?.release())?.status).toBe('released');
  });

  test('whose key holds another type is a configuration error, never contention', async () => {
    const { lock, hash } = await setUp();
    await raw(['SET', hash, 'mine', 'PX', 60_000]);
    await expect(lock.acquire({ timeout: 5_000 })).rejects.toThrow(ConfigError);
    await expect(lock.tryAcquire()).rejects.toThrow(hash);
    expect(await raw(['GET', hash])).toBe('mine');
  });
});

describe('the calls of one tick', () => {
  test('are answered each by its own: grants, refusals, extensions, releases', async () => {
    const { lock, rival, hash } = await setUp();
    const [guard, refused] = await Promise.all([lock.acquire(), lock.tryAcquire()]);
    expect(refused).toBeUndefined();
    const asked = await Promise.all([guard.extend('1m'), guard.verify(), lock.tryAcquire()]);
    expect(asked).toEqual([undefined, true, undefined]);
    expect(Number(await field(hash, 'x')) - (await serverMs())).toBeGreaterThan(50_000);
    const [released, next] = await Promise.all([guard.release(), lock.tryAcquire()]);
    expect(released).toEqual({ status: 'released' });
    expect(next?.fence).toBeGreaterThan(guard.fence);
    expect(await rival.tryAcquire()).toBeUndefined();
    await next?.release();
  });

  test('hold as many locks as they ask for, each with its own metadata and expiry', async () => {
    const manager = await connect();
    const locks = Array.from(
      { length: 200 },
      (_, index) => new DistributedLock(manager, `k${index}`, '10s', { metadata: { at: String(index % 3) } }),
    );
    const guards = await Promise.all(locks.map((lock) => lock.acquire()));
    for (const [index, guard] of guards.entries()) {
      const hash = `${manager.config.prefix}:lock:{k${index}}`;
      const [owner, fence, metadata] = (await raw(['HMGET', hash, 'o', 'f', 'm'])) as string[];
      expect([owner, fence, metadata]).toEqual([guard.token, String(guard.fence), `{"at":"${index % 3}"}`]);
      expect(await expiryOf(hash)).toBeGreaterThan((await serverMs()) + HOUR_MS);
    }
    const results = await Promise.all(guards.map((guard) => guard.release()));
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['released']));
  });

  test('do not suffer from a key of another type among them', async () => {
    const { lock, hash } = await setUp();
    const manager = await connect({ prefix: hash.split(':', 1)[0] as string });
    await raw(['SET', `${manager.config.prefix}:lock:{foreign}`, 'mine', 'PX', 60_000]);
    const [before, foreign, after] = await Promise.allSettled(
      ['invoice:42', 'foreign', 'k'].map((key) => new DistributedLock(manager, key, '10s').tryAcquire()),
    );
    expect(foreign).toMatchObject({ reason: expect.any(ConfigError) as unknown });
    expect([before?.status, after?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(await lock.tryAcquire()).toBeUndefined();
  });
});

describe('expiry', () => {
  test('of a holder that does not renew lets the next one in, and never earlier', async () => {
    const manager = await connect();
    const lock = new DistributedLock(manager, 'k', 200, { renew: false });
    const first = await lock.acquire();
    const { signal } = first;
    const second = await lock.acquire();
    expect(signal.aborted).toBe(true);
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await first.release()).toEqual({ status: 'expired' });
    expect(await second.verify()).toBe(true);
    await second.release();
  });

  test('never happens to a holder that renews', async () => {
    const { lock, rival } = await setUp(1_500);
    const guard = await lock.acquire();
    await expect(rival.acquire({ timeout: 2_000 })).rejects.toThrow(LockTimeoutError);
    expect(guard.state).toBe('held');
    expect(await guard.release()).toEqual({ status: 'released' });
  });

  test('is told by the lease end in the hash, not by the life of the key', async () => {
    const { lock, hash } = await setUp();
    await raw(['HSET', hash, 'o', 'vanished', 'f', '5', 'x', String((await serverMs()) - 1)]);
    const guard = await lock.tryAcquire();
    expect(guard?.fence).toBeGreaterThan(5n);
    await guard?.release();
  });
});

describe('a fence', () => {
  test('rises with every acquisition, in microseconds of the server and in full decimal', async () => {
    const { lock, hash } = await setUp();
    let last = 0n;
    for (let i = 0; i < 20; i += 1) {
      const guard = await lock.acquire();
      expect(guard.fence).toBeGreaterThan(last);
      expect(await field(hash, 'f')).toMatch(/^\d{16}$/);
      last = guard.fence;
      await guard.release();
    }
    expect(Number(last) / 1000).toBeCloseTo(await serverMs(), -4);
  });

  test('rises across the loss of the hash, and of the scripts', async () => {
    const { lock, hash } = await setUp();
    const first = await lock.acquire();
    await first.release();
    await raw(['DEL', hash]);
    await rawOnEachNode(['SCRIPT', 'FLUSH']);
    await clockPast(first.fence);
    const second = await lock.acquire();
    expect(second.fence).toBeGreaterThan(first.fence);
    await second.release();
  });

  test('rises by one when the clock of the server is behind it', async () => {
    const { lock, hash } = await setUp();
    await raw(['HSET', hash, 'o', '', 'f', '9007199254740000', 'x', '0']);
    const guard = await lock.acquire();
    expect(guard.fence).toBe(9_007_199_254_740_001n);
    await guard.release();
  });
});

describe('loss on the server', () => {
  test('by deletion is noticed at the next renewal, and nothing is created again', async () => {
    const { lock, hash } = await setUp(1_500);
    const guard = await lock.acquire();
    const { signal } = guard;
    await raw(['DEL', hash]);
    await eventually(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(LockLostError);
    expect(await guard.release()).toEqual({ status: 'expired' });
    expect(await raw(['EXISTS', hash])).toBe(0);
  });

  test('to another owner is stolen, and the other keeps the lock', async () => {
    const { lock, rival, hash } = await setUp();
    const guard = await lock.acquire();
    await raw(['DEL', hash]);
    const next = await rival.acquire();
    expect(await guard.release()).toEqual({ status: 'stolen' });
    expect(await next.verify()).toBe(true);
    expect(await next.release()).toEqual({ status: 'released' });
  });

  test('shows in verify and in extend', async () => {
    const { lock, rival, hash } = await setUp();
    const [guard, again] = [await lock.acquire(), new DistributedLock(await connect(), 'k', '10s')];
    expect(await guard.verify()).toBe(true);
    await guard.extend('20s');
    expect(Number(await field(hash, 'x')) - (await serverMs())).toBeGreaterThan(18_000);
    await guard.extend('5h');
    expect(await expiryOf(hash)).toBe(hourAfterNext(Number(await field(hash, 'x'))));
    await raw(['DEL', hash]);
    const next = await rival.acquire();
    expect(await guard.verify()).toBe(false);
    await expect(guard.extend()).rejects.toThrow(LockLostError);
    await next.release();
    expect(await again.run(async (held) => held.verify())).toBe(true);
  });

  test('by expiry is not undone by a renewal or an extension', async () => {
    const { lock, hash } = await setUp();
    const guard = await lock.acquire();
    await raw(['HSET', hash, 'x', String((await serverMs()) - 1)]);
    await expect(guard.extend()).rejects.toThrow(expect.objectContaining({ reason: 'expired' }));
    expect(Number(await field(hash, 'x'))).toBeLessThan(await serverMs());
  });
});

test('closing the manager gives its locks back and tells their holders', async () => {
  const manager = await connect();
  const others = await connect();
  const { prefix } = manager.config;
  const guard = await new DistributedLock(manager, 'k', '1m').acquire();
  const { signal } = guard;
  await manager.close();
  expect(signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'closed' });
  const next = await new DistributedLock(others, 'k', '1m', { prefix }).tryAcquire();
  expect(next?.fence).toBeGreaterThan(guard.fence);
  await next?.release();
});

test('many contenders never overlap, and all of them get their turn', async () => {
  const managers = [await connect(), await connect(), await connect()];
  const prefix = managers[0]?.config.prefix;
  let holders = 0;
  let turns = 0;
  const fences: bigint[] = [];
  const contend = async (manager: (typeof managers)[number]): Promise<void> => {
    const lock = new DistributedLock(manager, 'k', '10s', { prefix });
    for (let i = 0; i < 3; i += 1) {
      await lock.run(async (guard) => {
        holders += 1;
        expect(holders).toBe(1);
        fences.push(guard.fence);
        await guard.verify();
        turns += 1;
        holders -= 1;
      });
    }
  };
  await Promise.all([...managers, ...managers].map(contend));
  expect(turns).toBe(18);
  expect(fences).toEqual([...fences].toSorted((a, b) => (a < b ? -1 : 1)));
  expect(new Set(fences).size).toBe(18);
});
