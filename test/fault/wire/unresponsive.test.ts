import { describe, expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function connectTo(options: RedisOptions): Promise<RedisManager> {
  const manager = await RedisManager.connect(options);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

async function behindProxy(
  options: RedisOptions,
): Promise<{ proxy: FaultProxy; manager: RedisManager; server: RedisServer }> {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start(server);
  return { server, proxy, manager: await connectTo({ url: proxy.url, ...options }) };
}

describe('a connection that is up and silent', () => {
  it('is replaced when commands wait on it, and the commands are told why', async () => {
    const { proxy, manager } = await behindProxy({ commandTimeout: '10s', unresponsiveAfter: 300 });
    proxy.blackHole();
    const failed = await manager.command(['INCR', 'n']).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: 'RU_CONNECTION',
      reason: 'unresponsive',
      outcome: 'unknown',
      retryable: true,
    });
    proxy.heal();
    await eventually(() => manager.state === 'ready');
    expect(proxy.accepted).toBeGreaterThan(1);
  });

  it('is found while idle, by a ping that nobody answers', async () => {
    const { proxy, manager } = await behindProxy({ heartbeat: 100, unresponsiveAfter: 300 });
    proxy.blackHole('toClient');
    await eventually(() => manager.state === 'down', { within: 3_000 });
    proxy.heal();
    await eventually(() => manager.state === 'ready');
  });

  it('is kept as long as anything arrives, however long one command takes', async () => {
    const { proxy, manager } = await behindProxy({ commandTimeout: '10s', unresponsiveAfter: 400, heartbeat: 100 });
    proxy.latency(150, 'toClient');
    for (let round = 0; round < 10; round += 1) await manager.command(['PING']);
    proxy.heal();
    expect(manager.state).toBe('ready');
    expect(proxy.accepted).toBe(1);
  });

  it('is no matter for a lease that waits in a blocking command', async () => {
    const { manager } = await behindProxy({ unresponsiveAfter: 200, heartbeat: 100 });
    await using lease = await manager.lease();
    expect(await lease.command(['BLPOP', 'empty', 1])).toBeNull();
  });
});

describe('a process that stood still', () => {
  it('reads what has arrived before it lets deadlines pass, and before it gives up a connection', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url, commandTimeout: 300, unresponsiveAfter: 300 });
    await manager.command(['PING']);
    const asked = manager.command(['ECHO', 'answered meanwhile']);
    await new Promise(setImmediate);
    const untilMs = performance.now() + 1_000;
    while (performance.now() < untilMs);
    expect(await asked).toBe('answered meanwhile');
    expect(manager.state).toBe('ready');
  });

  it('says so when the answer did not come', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url, commandTimeout: 200 });
    server.pause();
    const asked = manager.command(['ECHO', 'x']).catch((error: unknown) => error);
    await new Promise(setImmediate);
    const untilMs = performance.now() + 600;
    while (performance.now() < untilMs);
    expect(await asked).toMatchObject({ code: 'RU_TIMEOUT', diagnosis: 'event-loop-lag', outcome: 'unknown' });
    server.resume();
  });
});

describe('replies', () => {
  it('reach their own callers, whoever stopped waiting, through latency, stalls and late answers', async () => {
    const { proxy, manager, server } = await behindProxy({ commandTimeout: '5s' });
    proxy.jitter('30ms', { seed: 7 });
    let abandoned = 0;
    const ask = async (n: number): Promise<void> => {
      const text = `question ${n} ${'x'.repeat((n * 37) % 300)}`;
      const impatient = n % 3 === 0;
      try {
        expect(await manager.command(['ECHO', text], impatient ? { timeout: 1 + (n % 20) } : {})).toBe(text);
      } catch (error) {
        if (!impatient) throw error;
        expect(error).toMatchObject({ code: 'RU_TIMEOUT' });
        abandoned += 1;
      }
    };
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      await new Promise((resolve) => setTimeout(resolve, round * 20));
      await Promise.all(Array.from({ length: 100 }, (__, n) => ask(round * 100 + n)));
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    server.resume();
    await Promise.all(rounds);
    expect(abandoned).toBeGreaterThan(0);
  });
});
