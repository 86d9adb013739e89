import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { DistributedReadWriteLock, DistributedSemaphore } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

type What = number | 'read' | 'write';

interface Parties {
  readonly server: RedisServer;
  readonly workers: readonly Worker[];
  readonly semaphore: DistributedSemaphore;
  readonly lock: DistributedReadWriteLock;
}

async function setUp(count: number, ttl: number, permits: number): Promise<Parties> {
  const server = await RedisServer.start();
  const args = [server.url, String(ttl), String(permits)];
  const workers = Array.from({ length: count }, () => startWorker('permit-holder', { args }));
  for (const worker of workers) expect(await worker.next()).toBe('ready');
  const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return {
    server,
    workers,
    semaphore: new DistributedSemaphore(manager, 'k', { permits, ttl }),
    lock: new DistributedReadWriteLock(manager, 'k', ttl),
  };
}

async function ask<T>(worker: Worker | undefined, message: { do: string; what?: What; times?: number }): Promise<T> {
  worker?.send(message);
  return (worker as Worker).next<T>();
}

const queued = async (of: DistributedSemaphore | DistributedReadWriteLock, count: number): Promise<void> =>
  eventually(async () => expect((await of.inspect())?.waiters ?? []).toHaveLength(count));

interface Turns {
  readonly inside: number;
  readonly readers: number;
  readonly fences: readonly bigint[];
}

describe('several processes', () => {
  test('never hold more permits than there are', async () => {
    const { server, workers } = await setUp(4, 10_000, 4);
    const turns = workers.map((worker, n) => ask<Turns>(worker, { do: 'turns', what: 1 + (n % 3), times: 25 }));
    const done = await Promise.all(turns);
    expect(Math.max(...done.map(({ inside }) => inside))).toBeLessThanOrEqual(4);
    expect(new Set(done.flatMap(({ fences }) => fences)).size).toBe(100);
    expect(await server.command(['GET', 'inside:permits'])).toBe('0');
    expect(await server.command(['HGET', 'ru:semaphore:{k}', 'u'])).toBe('0');
  });

  test('read together and write alone, and all of them get their turns', async () => {
    const { server, workers } = await setUp(4, 10_000, 1);
    const sides = ['read', 'write', 'read', 'write'] as const;
    const turns = workers.map((worker, n) => ask<Turns>(worker, { do: 'turns', what: sides[n] ?? 'read', times: 25 }));
    for (const [n, { inside, readers, fences }] of (await Promise.all(turns)).entries()) {
      expect(fences).toHaveLength(25);
      expect(fences).toEqual(fences.toSorted((a, b) => (a < b ? -1 : 1)));
      if (sides[n] === 'write') expect([inside, readers]).toEqual([1, 0]);
    }
    expect(await server.command(['HGET', 'ru:rwlock:{k}', 'u'])).toBe('0');
  });
});

describe('a process that is killed', () => {
  test('gives back its permits when its lease ends, to those who wait', async () => {
    const { server, workers, semaphore } = await setUp(1, 2_000, 3);
    const [worker] = workers;
    await ask(worker, { do: 'hold', what: 2 });
    await using mine = await semaphore.acquire();
    const waiting = semaphore.acquire({ weight: 2 });
    await queued(semaphore, 1);
    const [holder] = (await semaphore.inspect())?.holders ?? [];
    await worker?.kill();
    const guard = await waiting;
    expect(guard.fence).toBeGreaterThan(holder?.fence ?? 0n);
    expect((await semaphore.inspect())?.holders).toHaveLength(2);
    expect(mine.state).toBe('held');
    await guard.release();
    expect(await server.command(['HGET', 'ru:semaphore:{k}', 'u'])).toBe('1');
  });

  test('while it waits for more than there is does not hold up those behind it for long', async () => {
    const { workers, semaphore } = await setUp(1, 2_000, 2);
    const [worker] = workers;
    await using mine = await semaphore.acquire();
    expect(await ask(worker, { do: 'wait', what: 2 })).toBe('waiting');
    await queued(semaphore, 1);
    await worker?.kill();
    const guard = await semaphore.acquire();
    expect(mine.state).toBe('held');
    await guard.release();
  });

  test('while it read does not keep writers out because others go on reading', async () => {
    const { workers, lock } = await setUp(2, 2_000, 1);
    const [dead, alive] = workers;
    await ask(dead, { do: 'hold', what: 'read' });
    await ask(alive, { do: 'hold', what: 'read' });
    await dead?.kill();
    const waiting = lock.write.acquire();
    await eventually(async () => expect((await lock.inspect())?.holders).toHaveLength(1));
    expect(await ask(alive, { do: 'release' })).toEqual({ status: 'released' });
    const guard = await waiting;
    expect(await guard.verify()).toBe(true);
    await guard.release();
  });

  test('while it waited to write is passed over, and the next writer comes', async () => {
    const { workers, lock } = await setUp(2, 10_000, 1);
    const [dead, other] = workers;
    const writer = await lock.write.acquire();
    await ask(dead, { do: 'wait', what: 'write' });
    await queued(lock, 1);
    await ask(other, { do: 'wait', what: 'write' });
    await queued(lock, 2);
    await dead?.kill();
    await writer.release();
    expect(await other?.next<{ granted: bigint }>()).toMatchObject({ granted: expect.any(BigInt) as bigint });
    expect((await lock.inspect())?.waiters).toEqual([]);
  });

  test('and was the only one who wrote lets all readers in when its lease ends', async () => {
    const { workers, lock } = await setUp(1, 1_000, 1);
    const [worker] = workers;
    await ask(worker, { do: 'hold', what: 'write' });
    const waiting = Promise.all([lock.read.acquire(), lock.read.acquire(), lock.read.acquire()]);
    await queued(lock, 3);
    await worker?.kill();
    const readers = await waiting;
    expect(await lock.inspect()).toMatchObject({ mode: 'read', holders: [{}, {}, {}] });
    await Promise.all(readers.map((reader) => reader.release()));
  });
});

test('a process that stands still with what it was handed holds up the others for a second, not for its lease', async () => {
  const { workers, semaphore } = await setUp(2, 60_000, 2);
  const [frozen, other] = workers;
  const held = await semaphore.acquire({ weight: 2 });
  await ask(frozen, { do: 'wait', what: 2 });
  await queued(semaphore, 1);
  await ask(other, { do: 'wait', what: 1 });
  await queued(semaphore, 2);
  frozen?.pause();
  await held.release();
  expect(await other?.next<{ granted: bigint }>()).toMatchObject({ granted: expect.any(BigInt) as bigint });
  frozen?.resume();
});
