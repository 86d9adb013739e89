import { describe, expect, it } from 'vitest';

import { type ConnectionError, RedisManager } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

async function connectTo(url: string, commandTimeout: number): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url, commandTimeout });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

const codes = (results: PromiseSettledResult<unknown>[]): Set<string> =>
  new Set(results.map((result) => (result.status === 'fulfilled' ? 'ok' : (result.reason as ConnectionError).code)));

describe('a server that dies', () => {
  it('fails what is in flight with an unknown outcome, what comes after at once, and is found again when it is back', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 2_000);
    server.pause();
    const inFlight = Promise.allSettled(Array.from({ length: 1_000 }, () => manager.command(['INCR', 'n'])));
    await new Promise(setImmediate);
    await server.kill();
    const results = await inFlight;
    expect(codes(results)).toEqual(new Set(['RU_CONNECTION']));
    expect(results.every((result) => result.status === 'rejected' && result.reason.outcome === 'unknown')).toBe(true);
    expect(manager.state).toBe('down');
    await expect(manager.command(['PING'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'not-sent' });
    await server.restart();
    await eventually(() => manager.state === 'ready');
    expect(await manager.command(['GET', 'n'])).toBeNull();
  });

  it('is tried again with growing pauses, not in a storm', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 2_000);
    const delays: number[] = [];
    manager.on('reconnecting', ({ delayMs }) => delays.push(delayMs));
    await server.kill();
    await eventually(() => delays.length >= 5);
    for (const [attempt, delayMs] of delays.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(25);
      expect(delayMs).toBeLessThanOrEqual(Math.min(2_000, 50 * 2 ** attempt));
    }
  });

  it('lets the process close while it is away', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 2_000);
    await server.kill();
    await eventually(() => manager.state === 'down');
    expect(await manager.close()).toMatchObject({ drained: true });
  });
});

describe('a server that freezes', () => {
  it('ends each wait at its own deadline, and a late reply reaches nobody else', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 5_000);
    server.pause();
    const startMs = performance.now();
    const short = manager.command(['ECHO', 'short'], { timeout: 100 });
    const signalled = manager.command(['ECHO', 'signalled'], { signal: AbortSignal.timeout(150) });
    const long = manager.command(['ECHO', 'long']);
    await expect(short).rejects.toMatchObject({
      code: 'RU_TIMEOUT',
      timeoutMs: 100,
      outcome: 'unknown',
      operation: 'ECHO',
    });
    await expect(signalled).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(performance.now() - startMs).toBeLessThan(1_000);
    const after = Array.from({ length: 100 }, (_, index) => manager.command(['ECHO', String(index)]));
    server.resume();
    expect(await long).toBe('long');
    expect(await Promise.all(after)).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
  });

  it('does not hold up closing, which says what it cut', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 60_000);
    server.pause();
    const cut = Promise.allSettled([manager.command(['INCR', 'a']), manager.command(['INCR', 'b'])]);
    const report = await manager.close({ drain: 100 });
    expect(report).toMatchObject({ drained: false, cutCommands: 2 });
    expect(report.tookMs).toBeLessThan(200);
    expect(codes(await cut)).toEqual(new Set(['RU_CONNECTION']));
    server.resume();
  });
});

describe('a bad link', () => {
  it('never runs a command twice when only its reply was lost', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo(proxy.url, 2_000);
    const lost = proxy.loseReply({ command: 'INCR' });
    await expect(manager.command(['INCR', 'once'])).rejects.toMatchObject({
      code: 'RU_CONNECTION',
      outcome: 'unknown',
    });
    await lost;
    await eventually(() => manager.state === 'ready');
    expect(await server.command(['GET', 'once'])).toBe('1');
  });

  it('settles every promise by its deadline when nothing comes through any more', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo(proxy.url, 300);
    proxy.blackHole();
    const startMs = performance.now();
    const results = await Promise.allSettled(Array.from({ length: 500 }, () => manager.command(['PING'])));
    expect(codes(results)).toEqual(new Set(['RU_TIMEOUT']));
    expect(performance.now() - startMs).toBeLessThan(1_500);
  });

  it('reads replies that come one byte at a time', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo(proxy.url, 5_000);
    proxy.oneByteWrites();
    const value = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256));
    await manager.command(['SET', 'k', value]);
    expect(await manager.command(['GET', 'k'], { reply: 'bytes' })).toEqual(value);
  });

  it('fails and recovers when replies are cut off in the middle', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo(proxy.url, 2_000);
    await manager.command(['SET', 'k', 'x'.repeat(1_000)]);
    proxy.truncateRepliesAfter(100);
    await expect(manager.command(['GET', 'k'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
    proxy.heal();
    await eventually(() => manager.state === 'ready');
    expect(await manager.command(['STRLEN', 'k'])).toBe(1_000);
  });
});

describe('CLIENT KILL', () => {
  it('is survived by the shared connection and by leases', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, 2_000);
    const lease = await manager.lease();
    const blocked = expect(lease.command(['BLPOP', 'q', 0])).rejects.toMatchObject({
      code: 'RU_CONNECTION',
      outcome: 'unknown',
    });
    await eventually(async () => String(await server.command(['CLIENT', 'LIST'])).includes('cmd=blpop'));
    await server.command(['CLIENT', 'KILL', 'TYPE', 'normal']);
    await blocked;
    lease.release();
    await eventually(() => manager.state === 'ready');
    await using next = await manager.lease();
    expect(await next.command(['PING'])).toBe('PONG');
  });
});
