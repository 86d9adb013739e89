import { beforeEach, describe, expect, test } from 'vitest';
import { DistributedLock, LockServerRestartedError } from '../../../../src/lock/index.js';
import { settle } from '../world.js';
import { Servers } from './servers.js';

const HASH = 'ru:lock:{job}';
let servers: Servers;
let lock: DistributedLock;

beforeEach(() => {
  servers = new Servers(3);
  lock = new DistributedLock(servers.quorum({ maxLease: '10s' }), 'job', 1_000);
});

function restart(...indexes: readonly number[]): void {
  for (const index of indexes) servers.at(index).restart();
}

describe('a server that has started a short time ago', () => {
  test('has no vote until the longest lease is over', async () => {
    restart(0);
    const guard = await lock.acquire();
    expect(servers.owners(HASH)).toEqual([undefined, guard.token, guard.token]);
    await guard.release();
    await servers.clock.advance(11_000);
    const next = await lock.acquire();
    expect(servers.owners(HASH)).toEqual([next.token, next.token, next.token]);
    await next.release();
  });

  test('does not help another to what it has forgotten', async () => {
    servers.at(2).weather = 'refused';
    const guard = await lock.acquire();
    servers.at(2).weather = undefined;
    restart(0);
    const rival = new DistributedLock(servers.quorum({ maxLease: '10s' }), 'job', 1_000);
    expect(await rival.tryAcquire().catch((error: unknown) => error)).toBeUndefined();
    expect(guard.state).toBe('held');
    await settle();
    await guard.release();
  });

  test('is named as the reason where too few others are left', async () => {
    restart(0, 1);
    const error = (await lock.tryAcquire().catch((reason: unknown) => reason)) as { cause: AggregateError };
    expect(error).toMatchObject({ code: 'RU_LOCK_QUORUM', failed: 2 });
    expect(error.cause.errors.map((each) => each instanceof LockServerRestartedError)).toEqual([true, true]);
    expect(String(error.cause.errors[0])).toContain('redis://server-0');
  });

  test('is waited for by acquire', async () => {
    restart(0, 1);
    const asked = lock.acquire({ timeout: '20s' });
    await servers.clock.advance(10_900);
    expect(servers.owners(HASH).filter(Boolean)).toEqual([]);
    await servers.clock.advance(1_000);
    await (await asked).release();
  });

  test('does not end a lock that a majority of the others holds, and helps to hold it later', async () => {
    const guard = await lock.acquire();
    restart(0);
    await servers.clock.advance(5_000);
    expect(guard.state).toBe('held');
    expect(servers.owners(HASH)).toEqual([undefined, guard.token, guard.token]);
    await servers.clock.advance(7_000);
    expect(servers.owners(HASH)).toEqual([guard.token, guard.token, guard.token]);
    restart(1);
    await servers.clock.advance(5_000);
    expect(guard.state).toBe('held');
    await guard.release();
  });

  test('is believed where the guard is off', async () => {
    restart(0, 1, 2);
    const trusting = new DistributedLock(servers.quorum({ restartGuard: false }), 'job', 1_000);
    await (await trusting.acquire()).release();
  });
});

test('a vote on a connection that is new while it is asked for does not count', async () => {
  await (await lock.acquire()).release();
  for (const world of servers.worlds) world.latencyMs = 10;
  servers.at(2).weather = 'refused';
  const asked = lock.tryAcquire().catch((error: unknown) => error);
  await servers.clock.advance(5);
  restart(0);
  await servers.clock.advance(200);
  expect(await asked).toMatchObject({ code: 'RU_LOCK_QUORUM' });
});

test('a server is asked for its uptime once per connection', async () => {
  for (let turn = 0; turn < 3; turn += 1) await (await lock.acquire()).release();
  expect(servers.worlds.map(({ looks }) => looks)).toEqual([1, 1, 1]);
  restart(1);
  for (let turn = 0; turn < 3; turn += 1) await (await lock.acquire()).release();
  expect(servers.worlds.map(({ looks }) => looks)).toEqual([1, 2, 1]);
});
