import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock, LockQuorum, LockQuorumError, type LockQuorumOptions } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

/** Their uptime says nothing in tests that do not wait for it. */
const TRUSTING: LockQuorumOptions = { restartGuard: false, serverTimeout: '2s' };

async function startServers(count = 5): Promise<RedisServer[]> {
  return Promise.all(Array.from({ length: count }, () => RedisServer.start({ port: true })));
}

async function connect(urls: readonly string[], options: LockQuorumOptions = TRUSTING): Promise<LockQuorum> {
  const managers = await Promise.all(
    urls.map((url) => RedisManager.connect({ url, prefix: 'ru', reconnect: { minDelay: 10, maxDelay: 100 } })),
  );
  afterThisTest(async () => void (await Promise.all(managers.map((manager) => manager.close({ drain: 200 })))));
  return new LockQuorum(managers, options);
}

const urlsOf = (servers: readonly { readonly url: string }[]): string[] => servers.map(({ url }) => url);

/** Whose vote a server gives; '' or null: nobody's. */
const ownerAt = (server: RedisServer): Promise<unknown> => server.command(['HGET', 'ru:lock:{k}', 'o']);

describe('a quorum of five servers', () => {
  test('goes on without two of them', async () => {
    const servers = await startServers();
    const lock = new DistributedLock(await connect(urlsOf(servers)), 'k', '6s');
    const held = await lock.acquire();
    for (const server of servers.slice(0, 2)) await server.kill();
    await held.extend();
    expect(held.state).toBe('held');
    expect(await held.release()).toEqual({ status: 'released' });
    const next = await lock.acquire();
    expect(next.fence).toBeGreaterThan(held.fence);
    expect(await next.release()).toEqual({ status: 'released' });
  });

  test('refuses without three of them, with the cause of each', async () => {
    const servers = await startServers();
    const lock = new DistributedLock(await connect(urlsOf(servers), { restartGuard: false }), 'k', '6s');
    await (await lock.acquire()).release();
    for (const server of servers.slice(0, 3)) await server.kill();
    const startedMs = performance.now();
    const error = await lock.tryAcquire().catch((reason: unknown) => reason);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect(error).toBeInstanceOf(LockQuorumError);
    expect((error as { cause: AggregateError }).cause.errors.length).toBeGreaterThanOrEqual(3);
    await expect(lock.acquire({ timeout: 300 })).rejects.toMatchObject({ code: 'RU_LOCK_QUORUM', failed: 3 });
    for (const server of servers.slice(3)) await eventually(async () => expect(await ownerAt(server)).toBe(''));
  });

  test('gives the votes of a server back when it answers again', async () => {
    const servers = await startServers(3);
    const [frozen] = servers as [RedisServer];
    const lock = new DistributedLock(await connect(urlsOf(servers), { restartGuard: false }), 'k', '60s');
    await (await lock.acquire()).release();
    frozen.pause();
    afterThisTest(() => frozen.resume());
    const guard = await lock.acquire({ timeout: '20s' });
    expect(await guard.release()).toMatchObject({ status: expect.stringMatching(/released|unknown/) as string });
    frozen.resume();
    await eventually(async () => expect(await ownerAt(frozen)).toBe(''));
  });
});

describe('a holder', () => {
  test('that is cut off from a majority knows before a rival can acquire', async () => {
    const servers = await startServers();
    const proxies = await Promise.all(servers.map((server) => FaultProxy.start(server)));
    const lock = new DistributedLock(await connect(urlsOf(proxies)), 'k', '1500ms');
    const rival = new DistributedLock(await connect(urlsOf(servers)), 'k', '1500ms');
    const guard = await lock.acquire();
    const told = new Promise<number>((resolve) =>
      guard.signal.addEventListener('abort', () => resolve(performance.now())),
    );
    for (const proxy of proxies.slice(0, 3)) proxy.blackHole();
    const next = await rival.acquire({ timeout: '30s' });
    const acquiredMs = performance.now();
    expect(acquiredMs - (await told)).toBeGreaterThan(0);
    expect(guard.signal.reason).toMatchObject({ code: 'RU_LOCK_LOST' });
    expect(next.fence).toBeGreaterThan(guard.fence);
    for (const proxy of proxies) proxy.heal();
    await guard.release();
    await next.release();
  });

  test('knows at its deadline when a majority is frozen', async () => {
    const servers = await startServers();
    const lock = new DistributedLock(await connect(urlsOf(servers)), 'k', '1500ms');
    const rival = new DistributedLock(await connect(urlsOf(servers)), 'k', '1500ms');
    const guard = await lock.acquire();
    const order: string[] = [];
    guard.signal.addEventListener('abort', () => order.push('lost'));
    for (const server of servers.slice(0, 3)) {
      server.pause();
      afterThisTest(() => server.resume());
    }
    const waiting = rival.acquire({ timeout: '60s' }).then((next) => {
      order.push('acquired');
      return next;
    });
    await eventually(() => expect(order).toEqual(['lost']));
    for (const server of servers.slice(0, 3)) server.resume();
    const next = await waiting;
    expect(order).toEqual(['lost', 'acquired']);
    await next.release();
  });
});

describe('a server that was started anew', () => {
  test('has no vote until its uptime exceeds the longest lease', async () => {
    const servers = await startServers(3);
    const [first] = servers as [RedisServer];
    const quorum = await connect(urlsOf(servers), { maxLease: '3s', serverTimeout: '1s' });
    const lock = new DistributedLock(quorum, 'k', '2s');
    // all of them are new at first
    await expect(lock.acquire({ timeout: 100 })).rejects.toMatchObject({ code: 'RU_LOCK_QUORUM' });
    const guard = await lock.acquire({ timeout: '30s' });
    await eventually(async () => expect(await ownerAt(first)).toBe(guard.token));
    await first.restart();
    await guard.extend();
    expect(guard.state).toBe('held');
    expect(await ownerAt(first)).toBeNull();
    // as soon as its vote counts, it is asked for again
    await eventually(async () => expect(await ownerAt(first)).toBe(guard.token), { within: '20s' });
    const uptime = Number(/uptime_in_seconds:(\d+)/.exec(String(await first.command(['INFO', 'server'])))?.[1]);
    expect(uptime).toBeGreaterThanOrEqual(3);
    expect(await guard.release()).toEqual({ status: 'released' });
  }, 60_000);

  test('is believed if it writes everything to disk before it answers', async () => {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start({ port: true, args })));
    const quorum = await connect(urlsOf(servers), { maxLease: '60s', serverTimeout: '5s' });
    const guard = await new DistributedLock(quorum, 'k', '20s').acquire();
    expect(await guard.release()).toEqual({ status: 'released' });
  });
});
