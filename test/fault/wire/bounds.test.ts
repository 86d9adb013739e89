import { describe, expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function setUp(options: RedisOptions = {}): Promise<{ server: RedisServer; manager: RedisManager }> {
  const server = await RedisServer.start();
  const manager = await RedisManager.connect({ url: server.url, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return { server, manager };
}

/** How calls ended: `ok`, or the reason and outcome of what they rejected with. */
async function endings(calls: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const result of await Promise.allSettled(calls)) {
    const { reason, outcome } = (result.status === 'rejected' ? result.reason : {}) as Record<string, string>;
    const ending = result.status === 'fulfilled' ? 'ok' : `${reason} ${outcome}`;
    counts[ending] = (counts[ending] ?? 0) + 1;
  }
  return counts;
}

async function down({ server, manager }: { server: RedisServer; manager: RedisManager }): Promise<void> {
  await server.kill();
  await eventually(() => manager.state === 'down');
}

describe('while the server is away', () => {
  it('commands wait for it, and run once, in order, when it is back', async () => {
    const { server, manager } = await setUp({
      offlineQueue: { maxWait: '10s' },
      commandTimeout: '10s',
      breaker: false,
    });
    await down({ server, manager });
    const calls = Array.from({ length: 100 }, (_, n) => manager.command(['RPUSH', 'list', n]));
    await server.restart();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    const list = await manager.command<string[]>(['LRANGE', 'list', 0, -1]);
    expect(list).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
  });

  it('no more of them wait than the bounds allow: by number', async () => {
    const { server, manager } = await setUp({ offlineQueue: { maxCommands: 10, maxWait: 300 }, breaker: false });
    await down({ server, manager });
    const calls = Array.from({ length: 30 }, () => manager.command(['INCR', 'n']));
    expect(await endings(calls)).toEqual({ 'overloaded not-sent': 20, 'lost not-sent': 10 });
  });

  it('… by bytes', async () => {
    const { server, manager } = await setUp({ offlineQueue: { maxBytes: 100_000, maxWait: 300 }, breaker: false });
    await down({ server, manager });
    const calls = Array.from({ length: 10 }, () => manager.command(['SET', 'k', Buffer.alloc(30_000)]));
    expect(await endings(calls)).toEqual({ 'overloaded not-sent': 7, 'lost not-sent': 3 });
  });

  it('… and by age: each is told as soon as it has waited long enough', async () => {
    const { server, manager } = await setUp({ offlineQueue: { maxWait: 200 }, breaker: false });
    await down({ server, manager });
    const startMs = performance.now();
    expect(await endings([manager.command(['INCR', 'n'])])).toEqual({ 'lost not-sent': 1 });
    expect(performance.now() - startMs).toBeGreaterThan(190);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('none waits at all where that is switched off', async () => {
    const { server, manager } = await setUp({ offlineQueue: false });
    await down({ server, manager });
    const startMs = performance.now();
    expect(await endings([manager.command(['GET', 'k'])])).toEqual({ 'lost not-sent': 1 });
    expect(performance.now() - startMs).toBeLessThan(100);
  });

  it('the breaker opens after some failed attempts: commands fail at once, until an attempt succeeds', async () => {
    const { server, manager } = await setUp({ breaker: { failures: 2 }, reconnect: { maxDelay: 100 } });
    await down({ server, manager });
    await eventually(async () => {
      const startMs = performance.now();
      const ending = await endings([manager.command(['PING'])]);
      return performance.now() - startMs < 50 && ending['unreachable not-sent'] === 1;
    });
    await server.restart();
    await eventually(() => manager.state === 'ready');
    expect(await manager.command(['PING'])).toBe('PONG');
  });

  it('a caller that tries again as soon as it is refused does not keep the connection from coming back', async () => {
    const { server, manager } = await setUp({ offlineQueue: false });
    await down({ server, manager });
    let answered: unknown;
    const insisting = (async () => {
      while (answered === undefined) answered = await manager.command(['PING']).catch(() => undefined);
    })();
    await server.restart();
    await insisting;
    expect(answered).toBe('PONG');
  });

  it('attempts to connect grow apart, however many callers wait', async () => {
    const { server, manager } = await setUp({ commandTimeout: 500 });
    let attempts = 0;
    manager.on('reconnecting', () => (attempts += 1));
    await server.kill();
    const untilMs = performance.now() + 2_000;
    while (performance.now() < untilMs) {
      await Promise.allSettled(Array.from({ length: 50 }, () => manager.command(['GET', 'k'], { timeout: 50 })));
    }
    // 25-50, 25-100, 25-200, … ms apart
    expect(attempts).toBeLessThan(25);
  });

  it('memory stays bounded under load', async () => {
    const { server, manager } = await setUp({ commandTimeout: 300, offlineQueue: { maxBytes: 4 * 1024 * 1024 } });
    await down({ server, manager });
    const value = Buffer.alloc(10_000);
    const untilMs = performance.now() + 2_500;
    let asked = 0;
    let most = 0;
    while (performance.now() < untilMs) {
      for (let n = 0; n < 500; n += 1) {
        asked += 1;
        manager.command(['SET', `k${n}`, value]).catch(() => {});
      }
      most = Math.max(most, process.memoryUsage().heapUsed);
      await new Promise(setImmediate);
    }
    expect(asked).toBeGreaterThan(5_000);
    expect(most).toBeLessThan(300 * 1024 * 1024);
  });
});

describe('a server that does not read', () => {
  it('makes commands wait here, bounded, and fails the rest at once with the reason', async () => {
    const { server, manager } = await setUp({
      maxInFlight: 20,
      offlineQueue: { maxCommands: 20 },
      commandTimeout: 500,
    });
    server.pause();
    const value = 'x'.repeat(200_000);
    const calls = Array.from({ length: 200 }, () => manager.command(['SET', 'k', value]));
    const results = await Promise.allSettled(calls);
    const kinds = new Set(
      results.map((result) => {
        const { code, outcome, diagnosis } = (result as PromiseRejectedResult).reason as Record<string, string>;
        return `${code} ${outcome} ${diagnosis ?? ''}`.trim();
      }),
    );
    expect(kinds).toContain('RU_CONNECTION not-sent');
    expect(kinds).toContain('RU_TIMEOUT not-sent back-pressure');
    expect(kinds).toContain('RU_TIMEOUT unknown server-unresponsive');
    server.resume();
    await eventually(async () => (await manager.command(['PING'], { timeout: 2_000 })) === 'PONG');
  });
});

describe('commands whose connection was lost', () => {
  it('are sent again when they read, within their deadline', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await RedisManager.connect({ url: proxy.url });
    afterThisTest(async () => void (await manager.close({ drain: 0 })));
    await manager.command(['SET', 'k', 'v']);
    void proxy.loseReply({ command: 'GET' });
    expect(await manager.command(['GET', 'k'])).toBe('v');
  });

  it('are sent again when they were declared idempotent, and no others', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await RedisManager.connect({ url: proxy.url });
    afterThisTest(async () => void (await manager.close({ drain: 0 })));
    void proxy.loseReply({ command: 'SET' });
    expect(await manager.command(['SET', 'k', 'v'], { idempotent: true })).toBe('OK');
    void proxy.loseReply({ command: 'INCR' });
    await expect(manager.command(['INCR', 'n'])).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await server.command(['GET', 'n'])).toBe('1');
  });

  it('are not all sent again when everything fails: retries are a share of the traffic', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await RedisManager.connect({ url: proxy.url, retry: { budget: 0.1 }, breaker: false });
    afterThisTest(async () => void (await manager.close({ drain: 0 })));
    const calls = Array.from({ length: 200 }, () => manager.command(['GET', 'k']));
    await new Promise(setImmediate);
    proxy.reset();
    const ends = await endings(calls);
    // ten saved at the start, and a tenth of what was sent
    expect(ends['lost unknown']).toBeGreaterThanOrEqual(200 - 10 - 20 - 1);
  });
});

describe('a burst within one tick', () => {
  it('of more commands and bytes than sockets take at once is carried out, in order', async () => {
    const { manager } = await setUp({ commandTimeout: '20s' });
    const small = Array.from({ length: 60_000 }, (_, n) => manager.command(['RPUSH', 'list', n]));
    const lengths = await Promise.all(small);
    expect(lengths).toEqual(lengths.map((_, index) => index + 1));
    const value = Buffer.alloc(500_000);
    const large = Array.from({ length: 100 }, (_, n) => manager.command(['SET', `k${n % 5}`, value]));
    expect(new Set(await Promise.all(large))).toEqual(new Set(['OK']));
  });
});
