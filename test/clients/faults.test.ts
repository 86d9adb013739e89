import { Redis as Ioredis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';

import { RedisManager } from '../../src/client/index.js';
import { PubSubManager } from '../../src/pubsub/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { CLASSES, type ForeignClient, ioredisClient } from '../support/clients.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

type Wrapping = Parameters<typeof RedisManager.wrap>[1];

async function wrapped(client: ForeignClient, options: Wrapping = {}): Promise<RedisManager> {
  const manager = await RedisManager.wrap(client.client, options);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

describe.each(CLASSES)('$name', ({ name, make }) => {
  describe('behind a proxy', () => {
    let server: RedisServer;
    let proxy: FaultProxy;
    let client: ForeignClient;
    let manager: RedisManager;

    beforeEach(async () => {
      server = await RedisServer.start();
      proxy = await FaultProxy.start(server);
      client = await make({ port: proxy.port });
      manager = await wrapped(client);
    });

    it('rejects what was in flight when the connection was lost as unknown, long before its deadline, and ran it once', async () => {
      const states: string[] = [];
      manager.on('state', ({ to }) => states.push(to));
      void proxy.loseReply({ command: 'INCR' });
      await expect(manager.command(['INCR', 'n'], { timeout: '1h' })).rejects.toMatchObject({
        code: 'RU_CONNECTION',
        reason: 'lost',
        outcome: 'unknown',
      });
      await eventually(() => manager.state === 'ready');
      expect(states).toEqual(['down', 'ready']);
      expect(await manager.command(['GET', 'n'])).toBe('1');
    });

    it('sends again what only reads', async () => {
      await manager.command(['SET', 'k', 'v']);
      void proxy.loseReply({ command: 'GET' });
      expect(await manager.command(['GET', 'k'])).toBe('v');
      expect(proxy.commands.filter((command) => command === 'GET')).toHaveLength(2);
    });

    it('ends waits at their deadline while not a byte comes, and a late reply reaches nobody else', async () => {
      proxy.blackHole('toClient');
      await expect(manager.command(['ECHO', 'late'], { timeout: 100 })).rejects.toMatchObject({
        code: 'RU_TIMEOUT',
        outcome: 'unknown',
      });
      const next = manager.command(['ECHO', 'next']);
      proxy.heal();
      expect(await next).toBe('next');
    });

    it('lets subscriptions come back on a duplicate of their own, and says that there was a gap', async () => {
      const pubsub = new PubSubManager(manager);
      const subscription = await pubsub.subscribe<string>('news');
      const gaps: unknown[] = [];
      subscription.onGap((gap) => gaps.push(gap));
      proxy.reset();
      await eventually(() => gaps.length > 0 && manager.state === 'ready');
      await eventually(async () => (await pubsub.publish('news', 'again')).receivers === 1);
      for await (const { data } of subscription) {
        expect(data).toBe('again');
        break;
      }
    });

    it('ends a leased connection with its socket', async () => {
      const lease = await manager.lease();
      const popped = lease.command(['BLPOP', 'queue', 0]);
      const failed = expect(popped).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
      await eventually(() => proxy.commands.includes('BLPOP'));
      proxy.reset();
      await failed;
      lease.release();
      await using fresh = await manager.lease();
      expect(await fresh.command(['PING'])).toBe('PONG');
    });
  });

  it('keeps commands back while it is away: those whose time is up are never sent, the others run when it is back', async () => {
    const server = await RedisServer.start();
    const manager = await wrapped(await make({ path: server.socketPath }), { offlineQueue: { maxWait: '1m' } });
    await server.kill();
    await eventually(() => manager.state === 'down');
    const givenUp = manager.command(['SET', 'given-up', '1'], { timeout: 50 });
    const patient = manager.command(['SET', 'patient', '1']);
    await expect(givenUp).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'lost', outcome: 'not-sent' });
    await server.restart();
    expect(await patient).toBe('OK');
    expect(await manager.command(['EXISTS', 'given-up', 'patient'])).toBe(1);
  });

  it('keeps no more back than `offlineQueue` allows, and for no longer', async () => {
    const server = await RedisServer.start();
    const client = await make({ path: server.socketPath });
    const manager = await wrapped(client, { offlineQueue: { maxCommands: 2, maxWait: 100 } });
    const strict = await wrapped(client, { offlineQueue: false });
    await server.kill();
    await eventually(() => manager.state === 'down' && strict.state === 'down');
    const results = await Promise.allSettled([1, 2, 3].map((n) => manager.command(['INCR', `n${n}`])));
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toMatchObject([
      { code: 'RU_CONNECTION', reason: 'lost', outcome: 'not-sent' },
      { code: 'RU_CONNECTION', reason: 'lost', outcome: 'not-sent' },
      { code: 'RU_CONNECTION', reason: 'overloaded', outcome: 'not-sent' },
    ]);
    await expect(strict.command(['PING'])).rejects.toMatchObject({ reason: 'lost', outcome: 'not-sent' });
    expect(await manager.health()).toMatchObject({ ok: false, state: 'down' });
  });

  it('is left as it was by close: usable, and without a listener of ours', async () => {
    const server = await RedisServer.start();
    const client = await make({ path: server.socketPath });
    const before = client.listeners();
    const manager = await RedisManager.wrap(client.client);
    expect(client.listeners()).toBeGreaterThan(before);
    const lease = await manager.lease();
    const blocked = lease.command(['BLPOP', 'queue', 0]);
    const cut = expect(blocked).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await manager.close({ drain: 50 })).toMatchObject({ cutLeases: 1 });
    await cut;
    expect(client.listeners()).toBe(before);
    expect(await client.ping()).toBe('PONG');
    await expect(manager.command(['PING'])).rejects.toMatchObject({ code: 'RU_CLOSED' });
    await eventually(async () => /connected_clients:2\r/.test(String(await server.command(['INFO', 'clients']))));
  });

  it('may be ended by its owner: what is in flight rejects as unknown, what comes after as not sent', async () => {
    const server = await RedisServer.start();
    const client = await make({ path: server.socketPath });
    const manager = await wrapped(client);
    server.pause();
    const inFlight = Promise.allSettled(Array.from({ length: 100 }, () => manager.command(['INCR', 'n'])));
    await new Promise(setImmediate);
    client.end();
    for (const result of await inFlight) {
      expect(result).toMatchObject({ reason: { code: 'RU_CONNECTION', outcome: 'unknown' } });
    }
    await expect(manager.command(['PING'])).rejects.toMatchObject({ reason: 'closed', outcome: 'not-sent' });
    expect(manager.state).toBe('down');
  });

  it('that is ended while commands wait for it leaves none of them waiting', async () => {
    const server = await RedisServer.start();
    const client = await make({ path: server.socketPath });
    // ioredis says nothing when it is ended between two attempts, so that only the deadline ends the wait
    const commandTimeout = name.startsWith('@redis/client') ? '1h' : 500;
    const manager = await wrapped(client, { offlineQueue: { maxWait: '1m' }, commandTimeout });
    await server.kill();
    await eventually(() => manager.state === 'down');
    const waiting = Promise.allSettled(Array.from({ length: 10 }, () => manager.command(['INCR', 'n'])));
    client.end();
    for (const result of await waiting) expect(result).toMatchObject({ reason: { outcome: 'not-sent' } });
  });

  it('leaves nobody waiting at close, and no socket of a lease to a server that does not answer', async () => {
    const server = await RedisServer.start({ port: true });
    const client = await make({ port: server.port });
    const manager = await wrapped(client, { commandTimeout: '1h' });
    const isSocket = (kind: string): boolean => kind === 'TCPSocketWrap';
    const sockets = (): number => process.getActiveResourcesInfo().filter(isSocket).length;
    const before = sockets();
    const lease = await manager.lease();
    expect(sockets()).toBe(before + 1);
    server.pause();
    const pending = [manager.command(['INCR', 'n']), lease.command(['INCR', 'n'])];
    const cut = Promise.all(pending.map((each) => expect(each).rejects.toMatchObject({ outcome: 'unknown' })));
    expect(await manager.close({ drain: 10 })).toMatchObject({ drained: false, cutCommands: 1, cutLeases: 1 });
    await cut;
    await eventually(() => sockets() === before, { within: 300 });
    server.resume();
    expect(await client.ping()).toBe('PONG');
  });

  it('cannot be wrapped when it was ended, and says why', async () => {
    const server = await RedisServer.start();
    const client = await make({ path: server.socketPath });
    client.end();
    await eventually(() => expect(RedisManager.wrap(client.client)).rejects.toMatchObject({ reason: 'closed' }));
  });

  it('keeps to maxInFlight: what is beyond waits, and is sent when replies have come', async () => {
    const server = await RedisServer.start();
    const manager = await wrapped(await make({ path: server.socketPath }), { maxInFlight: 2 });
    server.pause();
    const calls = Array.from({ length: 50 }, () => manager.command(['INCR', 'n']));
    const last = manager.command(['INCR', 'n'], { timeout: 50 });
    await expect(last).rejects.toMatchObject({ code: 'RU_TIMEOUT', outcome: 'not-sent' });
    server.resume();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });

  it('runs nothing after it has failed: what was not written when the connection was lost is dropped', async () => {
    const server = await RedisServer.start();
    const manager = await wrapped(await make({ path: server.socketPath }));
    server.pause();
    const large = Buffer.alloc(1_000_000);
    const writes = Promise.allSettled(Array.from({ length: 20 }, (_, n) => manager.command(['SET', `k${n}`, large])));
    await new Promise(setImmediate);
    await server.kill();
    const outcomes = (await writes).map((result) => result.status === 'rejected' && result.reason.outcome);
    expect(outcomes[0]).toBe('unknown');
    // ioredis keeps what it cannot write in the socket's buffer, where it counts as sent
    expect(outcomes.at(-1)).toBe(name.startsWith('@redis/client') ? 'not-sent' : 'unknown');
    await server.restart();
    await eventually(() => manager.state === 'ready');
    expect(await manager.command(['DBSIZE'])).toBe(0);
  });
});

it('a client that gives up ends what waits for it', async () => {
  const server = await RedisServer.start();
  const retryStrategy = (times: number): number | null => (times < 3 ? 20 : null);
  const client = await ioredisClient(Ioredis, { path: server.socketPath }, { retryStrategy });
  const manager = await wrapped(client, { offlineQueue: { maxWait: '1m' }, commandTimeout: '1h' });
  await server.kill();
  await eventually(() => manager.state === 'down');
  await expect(manager.command(['INCR', 'n'])).rejects.toMatchObject({ reason: 'closed', outcome: 'not-sent' });
});
