import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { ConnectionError } from '../../../src/core/errors.js';
import { DistributedLock, LockLostError } from '../../../src/lock/index.js';
import { LockCalls } from '../../../src/lock/calls/lock-calls.js';
import { lockRun } from '../../../src/lock/calls/lock-script.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function connect(url: string): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url, prefix: 'ru' });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return manager;
}

/** A holder behind a proxy and a rival that talks to the server directly. */
async function setUp(ttl: number): Promise<{
  server: RedisServer;
  proxy: FaultProxy;
  holder: DistributedLock;
  rival: DistributedLock;
}> {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start({ socketPath: server.socketPath });
  const holder = new DistributedLock(await connect(proxy.url), 'k', ttl);
  const rival = new DistributedLock(await connect(server.url), 'k', ttl);
  return { server, proxy, holder, rival };
}

/** When a signal aborts, by the monotonic clock. */
function abortTime(signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(performance.now())));
}

describe('the holder knows before a rival can acquire', () => {
  test('behind a link that swallows everything', async () => {
    const { proxy, holder, rival } = await setUp(1_500);
    const guard = await holder.acquire();
    const told = abortTime(guard.signal);
    await eventually(() => proxy.commands.filter((name) => name === 'EVALSHA').length >= 2);
    proxy.blackHole();
    const next = await rival.acquire();
    const acquiredAt = performance.now();
    expect(acquiredAt - (await told)).toBeGreaterThan(0);
    expect(guard.signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'renewal-timeout' });
    expect(await guard.release()).toEqual({ status: 'expired' });
    expect(next.fence).toBeGreaterThan(guard.fence);
    expect(await next.release()).toEqual({ status: 'released' });
    proxy.heal();
  });

  test('on a link that carries its commands and swallows the replies', async () => {
    const { proxy, holder, rival } = await setUp(1_000);
    const guard = await holder.acquire();
    const told = abortTime(guard.signal);
    proxy.blackHole('toClient');
    const next = rival.acquire({ timeout: '20s' });
    await told;
    expect(guard.state).toBe('lost');
    // its renewals have reached the server: giving back ends what they prolonged
    expect(await guard.release()).toEqual({ status: 'expired' });
    const { fence } = await next;
    expect(performance.now() - (await told)).toBeGreaterThan(0);
    expect(fence).toBeGreaterThan(guard.fence);
    await (await next).release();
    proxy.heal();
  });

  test('while the server is frozen', async () => {
    const { server, holder, rival } = await setUp(1_000);
    const guard = await holder.acquire();
    const told = abortTime(guard.signal);
    server.pause();
    afterThisTest(() => server.resume());
    const waiting = rival.acquire({ timeout: '20s' });
    const lostAt = await told;
    server.resume();
    const next = await waiting;
    expect(performance.now() - lostAt).toBeGreaterThan(0);
    expect(next.fence).toBeGreaterThan(guard.fence);
    await guard.release();
    await next.release();
  });
});

describe('a lost reply', () => {
  test('of acquire is found out by the next attempt: nobody waits for the lease of nobody', async () => {
    const { proxy, holder, rival } = await setUp(30_000);
    await (await holder.acquire()).release();
    const lost = proxy.loseReply({ command: 'EVALSHA' });
    const startedAt = performance.now();
    const guard = await holder.acquire({ timeout: '10s' });
    await lost;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await guard.verify()).toBe(true);
    expect(await rival.tryAcquire()).toBeUndefined();
    expect(await guard.release()).toEqual({ status: 'released' });
  });

  test('of tryAcquire leaves the lock to others, as soon as the connection is back', async () => {
    const { proxy, holder, rival } = await setUp(30_000);
    await (await holder.acquire()).release();
    const lost = proxy.loseReply({ command: 'EVALSHA' });
    await expect(holder.tryAcquire()).rejects.toThrow(ConnectionError);
    await lost;
    const guard = await rival.acquire({ timeout: '10s' });
    expect(await guard.release()).toEqual({ status: 'released' });
  });

  test('of release is unknown, and the lock is free', async () => {
    const { proxy, holder, rival } = await setUp(30_000);
    const guard = await holder.acquire();
    const lost = proxy.loseReply({ command: 'EVALSHA' });
    expect(await guard.release()).toEqual({ status: 'unknown' });
    await lost;
    const next = await rival.acquire({ timeout: '5s' });
    await next.release();
  });

  test('of a renewal is made up for by the next one', async () => {
    const { proxy, holder } = await setUp(1_500);
    const guard = await holder.acquire();
    await proxy.loseReply({ command: 'EVALSHA' });
    await eventually(() => guard.state === 'held' && guard.remainingMs > 1_200, { within: 3_000 });
    expect(await guard.release()).toEqual({ status: 'released' });
  });
});

describe('a server that dies', () => {
  test('ends the lock in time, and leaves no promise hanging', async () => {
    const { server, holder } = await setUp(1_000);
    const guard = await holder.acquire();
    const told = abortTime(guard.signal);
    await server.kill();
    await expect(holder.acquire({ timeout: 300 })).rejects.toThrow(ConnectionError);
    // waits for the connection for as long as it may, and as there is a lease to extend
    const failed = await guard.extend().catch((error: unknown) => error);
    expect(failed instanceof LockLostError ? failed.cause : failed).toBeInstanceOf(ConnectionError);
    await told;
    expect(guard.signal.reason).toBeInstanceOf(LockLostError);
    expect(await guard.release()).toEqual({ status: 'expired' });
    await expect(guard.extend()).rejects.toThrow(LockLostError);
  });

  test('and comes back empty grants a higher fence; the holder before is told', async () => {
    const { server, holder, rival } = await setUp(3_000);
    const guard = await holder.acquire();
    const told = abortTime(guard.signal);
    await server.restart();
    const next = await rival.acquire({ timeout: '20s' });
    expect(next.fence).toBeGreaterThan(guard.fence);
    await told;
    expect(guard.state).toBe('lost');
    await next.release();
  });

  test('keeps run from reporting success', async () => {
    const { server, holder } = await setUp(500);
    const running = holder.run(async (guard) => {
      await server.kill();
      await abortTime(guard.signal);
      return 'done';
    });
    await expect(running).rejects.toThrow(LockLostError);
  });
});

test('fences rise through FLUSHALL and SCRIPT FLUSH', async () => {
  const { server, holder, rival } = await setUp(10_000);
  let last = 0n;
  for (let i = 0; i < 10; i += 1) {
    const guard = await (i % 2 === 0 ? holder : rival).acquire();
    expect(guard.fence).toBeGreaterThan(last);
    last = guard.fence;
    await server.command([i % 3 === 0 ? 'FLUSHALL' : 'SCRIPT', ...(i % 3 === 0 ? [] : ['FLUSH'])]);
    await guard.release();
  }
});

describe('calls of one tick', () => {
  test('are one command, and so is a lone call', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start({ socketPath: server.socketPath });
    const manager = await connect(proxy.url);
    const locks = Array.from({ length: 64 }, (_, index) => new DistributedLock(manager, `k${index}`, '10s'));
    const sent = (): number => proxy.commands.filter((name) => name === 'EVALSHA').length;
    await (await locks[0]?.acquire())?.release();
    expect(sent()).toBe(2);
    const guards = await Promise.all(locks.map((lock) => lock.acquire()));
    expect(sent()).toBe(3);
    await Promise.all(guards.map((guard) => guard.release()));
    expect(sent()).toBe(4);
  });

  test('fail alone for want of permission', async () => {
    const server = await RedisServer.start({
      acl: ['user default on nopass ~* &* +@all', 'user app on >pw ~ru:lock:{mine*  +@all'],
    });
    const manager = await RedisManager.connect({ url: server.url, username: 'app', password: 'pw' });
    afterThisTest(async () => void (await manager.close({ drain: 200 })));
    const results = await Promise.allSettled(
      ['mine1', 'theirs', 'mine2', 'mine1'].map((key) => new DistributedLock(manager, key, '10s').tryAcquire()),
    );
    expect(results).toMatchObject([
      { value: { state: 'held' } },
      { reason: { code: 'RU_SERVER', replyCode: 'NOPERM' } },
      { value: { state: 'held' } },
      { value: undefined },
    ]);
  });

  test('that miss the right to one command fail alone, also late, and nothing else is done twice', async () => {
    const server = await RedisServer.start({
      acl: ['user default on nopass ~* &* +@all', 'user app on >pw ~* +@all -hset'],
    });
    const all = new DistributedLock(await connect(server.url), 'k', '10s');
    const held = await all.acquire();
    const manager = await RedisManager.connect({ url: server.url, username: 'app', password: 'pw' });
    afterThisTest(async () => void (await manager.close({ drain: 200 })));
    const calls = new LockCalls(manager, {
      script: lockRun,
      run: (...call) => manager.script(lockRun).run(...call),
      inbox: '',
    });
    const claim = { hash: 'ru:lock:{k}', token: held.token };
    const [refused, verified] = await Promise.allSettled([calls.release(claim), calls.verify(claim, 1_000)]);
    expect(refused).toMatchObject({ reason: { code: 'RU_SERVER' } });
    expect(verified).toMatchObject({ value: { standing: 'held' } });
  });

  test('are refused each by itself when the server has no memory left, and nothing is half done', async () => {
    const server = await RedisServer.start();
    const manager = await connect(server.url);
    const lock = new DistributedLock(manager, 'k', '10s');
    const guard = await lock.acquire();
    await server.command(['CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction']);
    const [verified, acquired] = await Promise.allSettled([
      guard.verify(),
      new DistributedLock(manager, 'other', '10s').tryAcquire(),
    ]);
    expect(verified).toMatchObject({ value: true });
    expect(acquired).toMatchObject({ reason: { code: 'RU_SERVER', replyCode: 'OOM' } });
    await server.command(['CONFIG', 'SET', 'maxmemory', '0']);
    expect(await server.command(['EXISTS', 'ru:lock:{other}'])).toBe(0);
    expect(await guard.release()).toEqual({ status: 'released' });
  });
});
