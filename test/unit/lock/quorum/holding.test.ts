import { beforeEach, describe, expect, test } from 'vitest';
import { DistributedLock, LockLostError, type LockGuard, type LockQuorum } from '../../../../src/lock/index.js';
import { settle } from '../world.js';
import { Servers } from './servers.js';

const HASH = 'ru:lock:{job}';
let servers: Servers;
let quorum: LockQuorum;
let lock: DistributedLock;

beforeEach(() => {
  servers = new Servers(5);
  quorum = servers.quorum({ restartGuard: false });
  lock = new DistributedLock(quorum, 'job', 1_000);
});

function mine(guard: LockGuard): number {
  return servers.owners(HASH).filter((owner) => owner === guard.token).length;
}

describe('a lock that is held', () => {
  test('is renewed at all servers, and lives on without a minority of them', async () => {
    const guard = await lock.acquire();
    servers.at(0).weather = 'lose-request';
    servers.at(1).weather = 'refused';
    await servers.clock.advance(5_000);
    expect(guard.state).toBe('held');
    expect(mine(guard)).toBe(3);
    expect(await guard.verify()).toBe(true);
    await guard.release();
  });

  test('is lost here before any server of a silent majority gives it to another', async () => {
    const guard = await lock.acquire();
    const { signal } = guard;
    await servers.clock.advance(400);
    for (const index of [0, 1, 2]) servers.at(index).weather = 'lose-request';
    const endsMs = servers.worlds.slice(0, 3).map(({ locks }) => locks.get(HASH)?.endMs ?? 0);
    await servers.clock.advance(Math.min(...endsMs) - servers.clock.nowMs - 1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(LockLostError);
    expect(signal.reason).toMatchObject({ reason: 'renewal-timeout' });
  });

  test('is told of failures of its renewal by an event of the quorum', async () => {
    const told: string[] = [];
    quorum.on('error', ({ source, error }) => told.push(`${source} ${(error as Error).name}`));
    const guard = await lock.acquire();
    for (const world of servers.worlds) world.weather = 'refused';
    await servers.clock.advance(500);
    expect(told).toEqual(['lock.renew LockQuorumError']);
    for (const world of servers.worlds) world.weather = undefined;
    await servers.clock.advance(500);
    expect(guard.state).toBe('held');
    await guard.release();
  });

  test('is lost as soon as a majority says so, and what the others have is given back', async () => {
    const guard = await lock.acquire();
    for (const index of [0, 1, 2]) servers.at(index).locks.clear();
    expect(await guard.verify()).toBe(false);
    expect(guard.state).toBe('lost');
    const other = await lock.acquire();
    for (const index of [0, 1, 2]) servers.at(index).locks.clear();
    await servers.clock.advance(500);
    expect(other.state).toBe('lost');
    expect(mine(other)).toBe(0);
  });

  test('is not lost because some servers are silent and others say that it is lost', async () => {
    const guard = await lock.acquire();
    for (const index of [0, 1]) servers.at(index).locks.clear();
    servers.at(2).weather = 'lose-request';
    const refused = expect(guard.verify()).rejects.toMatchObject({ code: 'RU_LOCK_QUORUM' });
    await Promise.all([refused, servers.clock.advance(60)]);
    expect(guard.state).toBe('held');
  });

  test('gets its votes back from servers that have lost them', async () => {
    const guard = await lock.acquire();
    for (const world of servers.worlds) {
      world.locks.clear();
      await servers.clock.advance(500);
      expect(guard.state).toBe('held');
      expect(mine(guard)).toBe(5);
    }
    expect(await guard.release()).toEqual({ status: 'released' });
    await settle();
    expect(servers.owners(HASH).filter(Boolean)).toEqual([]);
  });

  test('is extended by a majority, and by no more than the longest lease', async () => {
    const guard = await lock.acquire();
    servers.at(0).weather = servers.at(1).weather = 'refused';
    await guard.extend('30s');
    expect(guard.remainingMs).toBeGreaterThan(29_000);
    await expect(guard.extend('61s')).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });

  test('writes nothing of its own, because no server decides alone', async () => {
    const guard = await lock.acquire();
    await expect(guard.exec((tx) => tx.queue(['SET', 'a', 'b']))).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});

describe('release', () => {
  test('without a majority that answers is unknown, and goes on until all have answered', async () => {
    const guard = await lock.acquire();
    for (const index of [0, 1, 2]) servers.at(index).weather = 'lose-request';
    const released = guard.release();
    await servers.clock.advance(60);
    expect(await released).toEqual({ status: 'unknown' });
    expect(mine(guard)).toBe(3);
    for (const world of servers.worlds) world.weather = undefined;
    await servers.clock.advance(5_500);
    expect(mine(guard)).toBe(0);
    expect(servers.clock.timers).toBe(0);
  });

  test('tells once of each vote that could not be given back before its end', async () => {
    const told: string[] = [];
    quorum.on('error', ({ source }) => told.push(source));
    const guard = await lock.acquire();
    servers.at(0).weather = 'refused';
    await guard.release();
    await servers.clock.advance(5_000);
    expect(told).toEqual(['lock.withdraw']);
    expect(servers.clock.timers).toBe(0);
  });

  test('of what another has by now says so', async () => {
    const guard = await lock.acquire();
    servers.occupy(HASH, [0, 1, 2], 60_000);
    expect(await guard.release()).toEqual({ status: 'stolen' });
  });
});

describe('closing', () => {
  test('one of the managers gives back all locks of the quorum, once', async () => {
    const guard = await lock.acquire();
    const { signal } = guard;
    await servers.at(3).close();
    expect(signal.reason).toMatchObject({ reason: 'closed' });
    expect(servers.owners(HASH).filter(Boolean)).toEqual([]);
    await servers.close();
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(servers.at(0).names()).toEqual(['acquire', 'release']);
    expect(servers.clock.timers).toBe(0);
  });

  test('ends the wait of those who wait', async () => {
    await lock.acquire();
    const waiting = lock.acquire();
    await settle();
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'RU_CLOSED' }), servers.close()]);
  });
});

describe('administration', () => {
  test('says who has the votes of a majority', async () => {
    const named = new DistributedLock(quorum, 'job', 1_000, { metadata: { host: 'a' } });
    expect(await named.inspect()).toBeUndefined();
    const guard = await named.acquire();
    servers.at(0).weather = servers.at(1).weather = 'refused';
    expect(await named.inspect()).toMatchObject({ fence: guard.fence, waiters: [] });
    servers.occupy(HASH, [2], 60_000);
    await expect(named.inspect()).rejects.toMatchObject({ code: 'RU_LOCK_QUORUM' });
    for (const world of servers.worlds) world.weather = undefined;
    expect(await named.inspect()).toMatchObject({ fence: guard.fence });
    servers.occupy(HASH, [0, 1], 60_000);
    expect(await named.inspect()).toMatchObject({ fence: 1n });
    servers.at(0).locks.clear();
    expect(await named.inspect()).toBeUndefined();
  });

  test('takes the lock away at all servers, which the holder finds out when it renews', async () => {
    const guard = await lock.acquire();
    expect(await lock.forceRelease({ reason: 'stuck' })).toBe(true);
    expect(mine(guard)).toBe(0);
    await servers.clock.advance(400);
    expect(guard.state).toBe('lost');
    expect(await lock.forceRelease({ reason: 'stuck' })).toBe(false);
  });
});
