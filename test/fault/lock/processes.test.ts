import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function startHolders(server: RedisServer, count: number, args: readonly string[]): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => startWorker('lock-holder', { args: [server.url, ...args] }));
  for (const worker of workers) expect(await worker.next()).toBe('ready');
  return workers;
}

async function ask<T>(worker: Worker, message: { readonly do: string; readonly [fact: string]: unknown }): Promise<T> {
  worker.send(message);
  return worker.next<T>();
}

async function rivalOf(server: RedisServer, ttl: number): Promise<DistributedLock> {
  const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return new DistributedLock(manager, 'k', ttl);
}

describe('several processes', () => {
  test('never lose an update of a counter that only the lock protects', async () => {
    const server = await RedisServer.start();
    const workers = await startHolders(server, 4, ['10s']);
    const done = await Promise.all(
      workers.map((worker) => ask<{ fences: bigint[] }>(worker, { do: 'count', times: 15 })),
    );
    const fences = done.flatMap((each) => each.fences);
    expect(await server.command(['GET', 'counter'])).toBe('60');
    expect(new Set(fences).size).toBe(60);
    for (const { fences: own } of done) expect(own).toEqual(own.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test('get the lock of a killed holder when its lease ends, not before', async () => {
    const server = await RedisServer.start();
    const [worker] = (await startHolders(server, 1, ['1s'])) as [Worker];
    const { fence } = await ask<{ fence: bigint }>(worker, { do: 'hold' });
    await worker.kill();
    const leaseEndMs = Number(await server.command(['HGET', 'ru:lock:{k}', 'x']));
    const rival = await rivalOf(server, 1_000);
    const guard = await rival.acquire();
    const [seconds, micros] = await server.command<[string, string]>(['TIME']);
    const lateMs = Number(seconds) * 1000 + Number(micros) / 1000 - leaseEndMs;
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(1_000);
    expect(guard.fence).toBeGreaterThan(fence);
    await guard.release();
  });

  test('a holder that stood still knows it the moment it runs again', async () => {
    const server = await RedisServer.start();
    const [worker] = (await startHolders(server, 1, ['500ms'])) as [Worker];
    await ask(worker, { do: 'hold' });
    worker.pause();
    const rival = await rivalOf(server, 500);
    const guard = await rival.acquire();
    worker.resume();
    expect(await ask(worker, { do: 'look' })).toEqual({ aborted: true, state: 'lost', remainingMs: 0 });
    expect(['expired', 'stolen']).toContain((await ask<{ status: string }>(worker, { do: 'release' })).status);
    expect(await guard.verify()).toBe(true);
    expect(await guard.release()).toEqual({ status: 'released' });
  });

  test('a holder whose event loop stood still knows it before any timer runs', async () => {
    const server = await RedisServer.start();
    const [worker] = (await startHolders(server, 1, ['300ms'])) as [Worker];
    await ask(worker, { do: 'hold' });
    expect(await ask(worker, { do: 'stall', ms: 450 })).toEqual({ aborted: true, state: 'lost' });
  });

  test('end by themselves when their manager is closed, whatever they hold or wait for, and leave nothing held', async () => {
    const server = await RedisServer.start();
    const [holder, waiter] = (await startHolders(server, 2, ['60s'])) as [Worker, Worker];
    await ask(holder, { do: 'hold' });
    waiter.send({ do: 'hold' });
    const fields = (): Promise<string[]> => server.command(['HKEYS', 'ru:lock:{k}']);
    await eventually(async () => expect(await fields()).toContain('t'));
    waiter.send({ do: 'leave' });
    expect(await waiter.exited).toEqual({ code: 0, signal: null });
    holder.send({ do: 'leave' });
    expect(await holder.exited).toEqual({ code: 0, signal: null });
    expect(await server.command(['HGET', 'ru:lock:{k}', 'o'])).toBe('');
    expect((await fields()).toSorted()).toEqual(['f', 'n', 'o', 'x']);
  });
});
