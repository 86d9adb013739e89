import { describe, expect, test } from 'vitest';

import { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

/** Several real processes that wait for one lock. */
noLeaks();

const HASH = 'ru:lock:{k}';

async function startAll(server: RedisServer, count: number, ttl: string): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => startWorker('lock-holder', { args: [server.url, ttl] }));
  for (const worker of workers) expect(await worker.next()).toBe('ready');
  return workers;
}

async function mine(server: RedisServer, ttl: number | string): Promise<DistributedLock> {
  const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return new DistributedLock(manager, 'k', ttl as '10s');
}

/** Has each worker wait for the lock, one after another. */
async function queue(server: RedisServer, lock: DistributedLock, workers: readonly Worker[]): Promise<void> {
  for (const [n, worker] of workers.entries()) {
    worker.send({ do: 'hold' });
    await eventually(async () => expect((await lock.inspect())?.waiters).toHaveLength(n + 1));
  }
  expect(await server.command(['HLEN', HASH])).toBe(6 + 2 * workers.length);
}

/** How many commands of these names the server has run, those within scripts included. */
async function calls(server: RedisServer, names = 'evalsha|eval|subscribe|get|set'): Promise<number> {
  const stats = await server.command<string>(['INFO', 'commandstats']);
  const counts = [...stats.matchAll(new RegExp(`^cmdstat_(${names}):calls=(\\d+)`, 'gm'))];
  return counts.reduce((sum, [, , count]) => sum + Number(count), 0);
}

describe('of several processes that wait for a lock', () => {
  test('one that was killed is passed over at once', async () => {
    const server = await RedisServer.start();
    const lock = await mine(server, '20s');
    const [dead, next] = (await startAll(server, 2, '20s')) as [Worker, Worker];
    const held = await lock.acquire();
    await queue(server, lock, [dead, next]);
    await dead.kill();
    await held.release();
    const { fence } = await next.next<{ fence: bigint }>();
    expect(fence).toBeGreaterThan(held.fence);
    // it was handed over, not waited for: the lease of the dead one would have lasted for a second
    expect(await server.command(['HGET', HASH, 'f'])).toBe(String(fence));
    expect(await server.command(['HKEYS', HASH])).not.toContain('h');
  });

  test('one that stands still holds up the others for a second, and does not believe to hold it', async () => {
    const server = await RedisServer.start();
    const lock = await mine(server, '20s');
    const [frozen, next] = (await startAll(server, 2, '20s')) as [Worker, Worker];
    const held = await lock.acquire();
    await queue(server, lock, [frozen, next]);
    frozen.pause();
    await held.release();
    const { fence } = await next.next<{ fence: bigint }>();
    frozen.resume();
    next.send({ do: 'release' });
    expect(await next.next()).toEqual({ status: 'released' });
    // what it was handed is over: it looks again, and is granted anew
    const again = await frozen.next<{ fence: bigint }>();
    expect(again.fence).toBeGreaterThan(fence);
    frozen.send({ do: 'look' });
    expect(await frozen.next()).toMatchObject({ aborted: false, state: 'held' });
  });

  test('the first gets it when its holder is killed and the lease has ended', async () => {
    const server = await RedisServer.start();
    const lock = await mine(server, '20s');
    const [holder, first, second] = (await startAll(server, 3, '2s')) as [Worker, Worker, Worker];
    holder.send({ do: 'hold' });
    const { fence } = await holder.next<{ fence: bigint }>();
    await queue(server, lock, [first, second]);
    await holder.kill();
    const next = await first.next<{ fence: bigint }>();
    expect(next.fence).toBeGreaterThan(fence);
    first.send({ do: 'release' });
    expect(await first.next()).toEqual({ status: 'released' });
    expect((await second.next<{ fence: bigint }>()).fence).toBeGreaterThan(next.fence);
  });

  test('twenty take two commands each, in their order, and nothing is sent while they wait', async () => {
    const server = await RedisServer.start();
    const lock = await mine(server, '60s');
    const workers = await startAll(server, 20, '60s');
    for (const worker of workers) {
      worker.send({ do: 'hold' });
      await worker.next();
      worker.send({ do: 'release' });
      await worker.next();
    }
    const held = await lock.acquire();
    // scripts are known by now; and nobody has still to subscribe
    const channels = (): Promise<string[]> => server.command(['PUBSUB', 'CHANNELS', 'ru:lock:inbox:*']);
    await eventually(async () => expect(await channels()).toHaveLength(21));
    await server.command(['CONFIG', 'RESETSTAT']);
    for (const [n, worker] of workers.entries()) {
      worker.send({ do: 'hold' });
      await eventually(async () => expect(await server.command(['HGET', HASH, 't'])).toBe(String(n + 1)));
    }
    expect(await calls(server)).toBe(20);
    await held.release();
    const fences: bigint[] = [];
    for (const worker of workers) {
      const { fence } = await worker.next<{ fence: bigint }>();
      fences.push(fence);
      worker.send({ do: 'release' });
      expect(await worker.next()).toEqual({ status: 'released' });
    }
    expect(fences).toEqual(fences.toSorted((a, b) => (a < b ? -1 : 1)));
    // 20 hand-overs: to stand in the queue and to release; what a slow machine renews comes on top
    expect(await calls(server)).toBeLessThanOrEqual(44);
    expect(await server.command(['HGET', HASH, 'o'])).toBe('');
  });

  test('one at most looks after a holder that lives, once per lease', async () => {
    const server = await RedisServer.start();
    const lock = await mine(server, '1500ms');
    const workers = await startAll(server, 20, '1500ms');
    const held = await lock.acquire();
    await queue(server, lock, workers);
    await server.command(['CONFIG', 'RESETSTAT']);
    const before = held.fence;
    const [seconds] = await server.command<[string, string]>(['TIME']);
    await eventually(
      async () => {
        const [now] = await server.command<[string, string]>(['TIME']);
        expect(Number(now) - Number(seconds)).toBeGreaterThanOrEqual(6);
      },
      { within: '15s' },
    );
    // 6 to 7 s are at most 5 leases: 3 renewals each, give or take a tenth, and a look; twenty that look each would be 100
    // on a machine that is busy a second one may look before it has heard of the first
    expect(await calls(server)).toBeLessThanOrEqual(36);
    // each look is told to all twenty: one when a second of the lease or more has passed
    expect(await calls(server, 'publish')).toBeLessThanOrEqual(20 * 16);
    expect(held.state).toBe('held');
    expect(held.fence).toBe(before);
    await held.release();
  });
});
