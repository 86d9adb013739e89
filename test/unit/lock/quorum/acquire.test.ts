import { beforeEach, describe, expect, test } from 'vitest';
import { DistributedLock, LockQuorumError, LockTimeoutError } from '../../../../src/lock/index.js';
import { settle } from '../world.js';
import { Servers } from './servers.js';

const HASH = 'ru:lock:{job}';
let servers: Servers;
let lock: DistributedLock;

beforeEach(() => {
  servers = new Servers(5);
  lock = new DistributedLock(servers.quorum({ restartGuard: false }), 'job', 1_000);
});

function watch<T>(promise: Promise<T>): { state: 'pending' | 'done' | 'failed'; value?: T; error?: unknown } {
  const seen: ReturnType<typeof watch<T>> = { state: 'pending' };
  promise.then(
    (value) => Object.assign(seen, { state: 'done', value }),
    (error: unknown) => Object.assign(seen, { state: 'failed', error }),
  );
  return seen;
}

function free(): (string | undefined)[] {
  return servers.worlds.map(() => undefined);
}

describe('a free lock', () => {
  test('costs each server one call, and one for the release', async () => {
    const guard = await lock.acquire();
    expect(servers.owners(HASH)).toEqual(servers.worlds.map(() => guard.token));
    expect(await guard.release()).toEqual({ status: 'released' });
    for (const world of servers.worlds) expect(world.names()).toEqual(['acquire', 'release']);
    expect(servers.owners(HASH)).toEqual(free());
  });

  test('is granted as soon as a majority has voted, however long the others take', async () => {
    servers.at(3).latencyMs = servers.at(4).latencyMs = 10_000;
    const guard = watch(lock.acquire());
    await settle();
    expect(guard.state).toBe('done');
  });

  test('is granted while a minority is away, whose votes that got lost are given back later', async () => {
    servers.at(0).weather = 'lose-reply';
    servers.at(1).weather = 'refused';
    const guard = await lock.acquire();
    await servers.clock.advance(100);
    expect(await guard.release()).toEqual({ status: 'released' });
    expect(servers.owners(HASH)[2]).toBeUndefined();
    servers.at(0).weather = undefined;
    await servers.clock.advance(600);
    expect(servers.owners(HASH)).toEqual(free());
    expect(servers.at(1).names()).toEqual(['acquire']);
    expect(servers.clock.timers).toBe(0);
  });

  test('is counted from the moment in which the round was sent', async () => {
    for (const world of servers.worlds) world.latencyMs = 20;
    const guard = watch(lock.acquire());
    await servers.clock.advance(40);
    const ends = servers.worlds.map(({ locks }) => locks.get(HASH)?.endMs ?? 0);
    const deadlineMs = servers.clock.nowMs + (guard.value?.remainingMs ?? 0);
    expect(guard.state).toBe('done');
    expect(deadlineMs).toBeLessThan(Math.min(...ends));
    expect(deadlineMs).toBeLessThan(1_000 + 1_000);
  });
});

describe('a lock of another', () => {
  test('is contention, and no vote is left behind', async () => {
    servers.occupy(HASH, [0, 1, 2], 60_000);
    expect(await lock.tryAcquire()).toBeUndefined();
    await settle();
    expect(servers.owners(HASH)).toEqual(['another', 'another', 'another', undefined, undefined]);
    const waiting = watch(lock.acquire({ timeout: 500 }));
    await servers.clock.advance(501);
    expect(waiting.error).toBeInstanceOf(LockTimeoutError);
    expect(servers.owners(HASH)).toEqual(['another', 'another', 'another', undefined, undefined]);
  });

  test('split evenly is decided at once, for nobody', async () => {
    servers = new Servers(4);
    lock = new DistributedLock(servers.quorum({ restartGuard: false }), 'job', 1_000);
    servers.occupy(HASH, [0, 1], 60_000);
    expect(await lock.tryAcquire()).toBeUndefined();
    await settle();
    expect(servers.owners(HASH)).toEqual(['another', 'another', undefined, undefined]);
  });

  test('held by a minority of the servers is no obstacle', async () => {
    servers.occupy(HASH, [0, 1], 60_000);
    const guard = await lock.acquire();
    expect(guard.state).toBe('held');
    expect(await guard.release()).toEqual({ status: 'released' });
  });

  test('is asked for again when enough of its leases end', async () => {
    servers.occupy(HASH, [0, 1], 60_000);
    servers.occupy(HASH, [2], 33);
    servers.occupy(HASH, [3], 21);
    const guard = watch(lock.acquire());
    await servers.clock.advance(21 + 33);
    expect(guard.state).toBe('done');
  });

  test('is got after its release, by one of those who wait', async () => {
    const rivals = [servers.quorum(), servers.quorum()].map((quorum) => new DistributedLock(quorum, 'job', 1_000));
    const first = await lock.acquire();
    const waiting = rivals.map((rival) => watch(rival.acquire()));
    await servers.clock.advance(400);
    expect(waiting.map(({ state }) => state)).toEqual(['pending', 'pending']);
    await first.release();
    await servers.clock.advance(200);
    expect(waiting.map(({ state }) => state).toSorted()).toEqual(['done', 'pending']);
    const next = waiting.find(({ state }) => state === 'done')?.value;
    expect(next?.fence).toBeGreaterThan(first.fence);
    await next?.release();
    await servers.clock.advance(200);
    expect(waiting.map(({ state }) => state)).toEqual(['done', 'done']);
  });

  test('on some servers, while others are away, is contention as long as a majority answers', async () => {
    servers.occupy(HASH, [0], 60_000);
    servers.at(1).weather = servers.at(2).weather = 'refused';
    expect(await lock.tryAcquire()).toBeUndefined();
  });
});

describe('too many servers that are away', () => {
  test('are an error with the cause of each, and it says whether anything was sent', async () => {
    for (const index of [0, 1, 2]) servers.at(index).weather = 'refused';
    const error = await lock.tryAcquire().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockQuorumError);
    expect(error).toMatchObject({ needed: 3, servers: 5, failed: 3, outcome: 'unknown', retryable: true });
    expect((error as { cause: AggregateError }).cause.errors).toHaveLength(3);
    await settle();
    expect(servers.owners(HASH)).toEqual(free());
    for (const world of servers.worlds) world.weather = 'refused';
    await expect(lock.tryAcquire()).rejects.toMatchObject({ code: 'RU_LOCK_QUORUM', outcome: 'not-sent' });
  });

  test('and silent are given up after the time for one server, and their votes are given back', async () => {
    for (const index of [0, 1, 2]) servers.at(index).weather = 'lose-reply';
    const guard = watch(lock.tryAcquire());
    await servers.clock.advance(49);
    expect(guard.state).toBe('pending');
    await servers.clock.advance(1);
    expect(guard.error).toBeInstanceOf(LockQuorumError);
    for (const world of servers.worlds) world.weather = undefined;
    await servers.clock.advance(6_000);
    expect(servers.owners(HASH)).toEqual(free());
    for (const world of servers.worlds) expect(world.names()).toContain('release');
  });

  test('are waited for by acquire, until its timeout', async () => {
    for (const world of servers.worlds) world.weather = 'refused';
    const [patient, hasty] = [watch(lock.acquire()), watch(lock.acquire({ timeout: 300 }))];
    await servers.clock.advance(500);
    expect(hasty.error).toBeInstanceOf(LockQuorumError);
    expect(patient.state).toBe('pending');
    for (const world of servers.worlds) world.weather = undefined;
    await servers.clock.advance(200);
    expect(patient.state).toBe('done');
  });

  test('do not hide what a majority says against the call', async () => {
    for (const index of [0, 1, 2]) servers.at(index).foreign.add(HASH);
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'RU_CONFIG' });
    for (const index of [0, 1, 2]) servers.at(index).forbidden.add(HASH);
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'NOPERM' });
  });
});

test('an aborted wait rejects with the reason of its signal, and gives back what it may hold', async () => {
  for (const world of servers.worlds) world.weather = 'lose-reply';
  const abort = new AbortController();
  const guard = watch(lock.acquire({ signal: abort.signal }));
  await servers.clock.advance(10);
  const reason = new Error('no longer wanted');
  abort.abort(reason);
  await settle();
  expect(guard.error).toBe(reason);
  for (const world of servers.worlds) world.weather = undefined;
  await servers.clock.advance(1_000);
  expect(servers.owners(HASH)).toEqual(free());
  expect(servers.clock.timers).toBe(0);
});

test('a lock whose votes come too late is not granted', async () => {
  lock = new DistributedLock(servers.quorum({ serverTimeout: '1s', restartGuard: false }), 'job', 1_000);
  for (const world of servers.worlds) world.latencyMs = 245;
  const guard = watch(lock.tryAcquire());
  await servers.clock.advance(600);
  expect(guard).toEqual({ state: 'done', value: undefined });
});

test('the time of one server follows the ttl and its bounds', async () => {
  const timeouts = async (ttl: number): Promise<unknown> => {
    for (const world of servers.worlds) world.calls.length = 0;
    const guard = await new DistributedLock(servers.quorum({ restartGuard: false }), `k${ttl}`, ttl).acquire();
    await guard.release();
    return servers.at(0).calls[0]?.options?.timeout;
  };
  expect(await timeouts(10_000)).toBe(200);
  expect(await timeouts(2_000)).toBe(100);
  expect(await timeouts(500)).toBe(50);
  expect(await timeouts(40)).toBe(20);
});
