import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DistributedLock, type LockOptions, type LockOperationTrace } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';

noLeaks();

interface Parties {
  readonly lock: DistributedLock;
  readonly rival: DistributedLock;
  readonly hash: string;
}

async function setUp(options: LockOptions = {}): Promise<Parties> {
  const [mine, others] = [await connect(), await connect()];
  const { prefix } = mine.config;
  return {
    lock: new DistributedLock(mine, 'job 1', '10s', { ...options, metadata: { host: 'a' } }),
    rival: new DistributedLock(others, 'job 1', '10s', { prefix, metadata: { host: 'b' } }),
    hash: `${prefix}:lock:{job 1}`,
  };
}

describe('a look at a lock', () => {
  test('says that nobody holds it', async () => {
    const { lock, hash } = await setUp();
    expect(await lock.inspect()).toBeUndefined();
    await (await lock.acquire()).release();
    expect(await lock.inspect()).toBeUndefined();
    await raw(['HSET', hash, 'o', 'vanished', 'x', '1']);
    expect(await lock.inspect()).toBeUndefined();
  });

  test('says who holds it and who waits, in their order', async () => {
    const { lock, rival } = await setUp();
    await using guard = await lock.acquire();
    const stop = new AbortController();
    const waits = [rival.acquire({ signal: stop.signal }), rival.acquire({ signal: stop.signal })];
    const settled = Promise.allSettled(waits);
    await eventually(async () => expect((await rival.inspect())?.waiters).toHaveLength(2));
    const info = await rival.inspect();
    expect(info).toMatchObject({ metadata: { host: 'a' }, fence: guard.fence });
    expect(info?.remainingMs).toBeGreaterThan(5_000);
    expect(info?.remainingMs).toBeLessThanOrEqual(10_000);
    expect(info?.heldMs).toBeGreaterThanOrEqual(0);
    expect(info?.heldMs).toBeLessThan(10_000);
    expect(info?.waiters.map(({ metadata }) => metadata)).toEqual([{ host: 'b' }, { host: 'b' }]);
    for (const { waitingMs } of info?.waiters ?? []) expect(waitingMs).toBeGreaterThanOrEqual(0);
    stop.abort(new Error('enough'));
    await settled;
    await eventually(async () => expect((await rival.inspect())?.waiters).toEqual([]));
  });

  test('does not show the token, with which anybody could release it', async () => {
    const { lock } = await setUp();
    await using guard = await lock.acquire();
    const info = await lock.inspect();
    expect(Object.values(info ?? {}).join(' ')).not.toContain(guard.token);
  });

  test('of something else is a mistake in the configuration', async () => {
    const { lock, hash } = await setUp();
    await raw(['SET', hash, 'mine', 'PX', 60_000]);
    await expect(lock.inspect()).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(lock.forceRelease({ reason: 'x' })).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});

describe('a release by force', () => {
  test('of a lock that nobody holds does nothing', async () => {
    const { lock } = await setUp();
    expect(await lock.forceRelease({ reason: 'stuck' })).toBe(false);
  });

  test('is told to the holder, with the reason, and gives the lock to the first who waits', async () => {
    const { lock, rival } = await setUp();
    const guard = await lock.acquire();
    const { signal } = guard;
    // its process listens from its first acquisition on, but does not wait for that
    await eventually(async () => expect((await lock.inspect())?.fence).toBe(guard.fence));
    const waiting = rival.acquire();
    await eventually(async () => expect((await rival.inspect())?.waiters).toHaveLength(1));
    expect(await rival.forceRelease({ reason: 'the host is gone for good' })).toBe(true);
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(guard.fence);
    await eventually(() => expect(signal.aborted).toBe(true));
    expect(signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'forced' });
    expect((signal.reason as Error).cause).toMatchObject({ message: 'the host is gone for good' });
    expect(await guard.release()).toEqual({ status: 'stolen' });
    expect(await next.verify()).toBe(true);
    await next.release();
  });

  test('needs a reason', async () => {
    const { lock } = await setUp();
    for (const options of [{}, { reason: '' }, { reason: 'x'.repeat(201) }, { reason: 'x', hard: true }]) {
      await expect(lock.forceRelease(options as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    }
  });
});

describe('what a lock tells', () => {
  test('events: what was acquired, released and lost', async () => {
    const { lock, hash } = await setUp({ renew: false });
    const told: unknown[] = [];
    lock.on('acquired', ({ fence }) => told.push(['acquired', fence]));
    lock.on('released', ({ fence }) => told.push(['released', fence]));
    lock.on('lost', ({ fence, reason }) => told.push(['lost', fence, reason]));
    const first = await lock.acquire();
    await first.release();
    const second = await lock.acquire();
    await raw(['HSET', hash, 'o', 'another']);
    expect(await second.verify()).toBe(false);
    expect(told).toEqual([
      ['acquired', first.fence],
      ['released', first.fence],
      ['acquired', second.fence],
      ['lost', second.fence, 'stolen'],
    ]);
  });

  test('traces: each operation, with the lock and without tokens', async () => {
    const { lock } = await setUp();
    const seen: LockOperationTrace[] = [];
    const listener = { start: (trace: object) => void seen.push({ ...(trace as LockOperationTrace) }) };
    const channel = tracingChannel('redis-utils:lock');
    channel.subscribe(listener as never);
    onTestFinished(() => channel.unsubscribe(listener as never));
    const guard = await lock.acquire();
    expect(await lock.tryAcquire()).toBeUndefined();
    await guard.release();
    await lock.forceRelease({ reason: 'x' });
    const operations = ['acquire', 'tryAcquire', 'release', 'forceRelease'];
    expect(seen).toEqual(operations.map((operation) => ({ operation, key: 'job 1' })));
  });
});
