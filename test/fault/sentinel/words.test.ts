import { describe, expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { type Random, systemRandom } from '../../../src/core/random.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { freePort, RedisServer } from '../../support/redis-server.js';
import { ScriptedSentinel } from '../../support/scripted-sentinel.js';

/** What the library makes of the words of sentinels, which say here what the test wants. */
noLeaks();

async function connectTo(
  sentinels: readonly ScriptedSentinel[],
  options: RedisOptions = {},
  random: Random = systemRandom,
): Promise<RedisManager> {
  const nodes = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  const manager = await RedisManager.connect({ sentinel: { nodes, master: 'mymaster' }, ...options }, { random });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

const startServer = (): Promise<RedisServer> => RedisServer.start({ port: true });

/** Makes `server` a replica of `primary` that has caught up. */
async function demote(server: RedisServer, primary: RedisServer): Promise<void> {
  await server.command(['REPLICAOF', '127.0.0.1', primary.port]);
  await eventually(async () => expect(await server.command(['INFO', 'replication'])).toMatch(/link_status:up/));
}

async function isWrittenTo(server: RedisServer, manager: RedisManager, key: string): Promise<void> {
  expect(await manager.command(['SET', key, '1'])).toBe('OK');
  expect(await server.command(['EXISTS', key])).toBe(1);
}

/** Ends the connection of the manager to that server, and waits until it has another one. */
async function cut(server: RedisServer, manager: RedisManager): Promise<void> {
  const isDown = new Promise((resolve) => manager.on('state', ({ to }) => to === 'down' && resolve(undefined)));
  await server.command(['CLIENT', 'KILL', 'TYPE', 'normal']);
  await isDown;
  await eventually(() => manager.state === 'ready');
}

describe('a sentinel that names a replica', () => {
  it('is passed over for one that names a primary', async () => {
    const [a, b] = [await startServer(), await startServer()];
    await demote(a, b);
    const stale = await ScriptedSentinel.start({ primary: a });
    const fresh = await ScriptedSentinel.start({ primary: b });
    await isWrittenTo(b, await connectTo([stale, fresh]), 'k');
  });

  it('is asked again within the same attempt, with pauses, until it names a primary', async () => {
    const [a, b] = [await startServer(), await startServer()];
    await demote(a, b);
    const sentinel = await ScriptedSentinel.start({ primary: a });
    const startMs = performance.now();
    const longest = { ...systemRandom, uniform: () => 0.999 };
    const connecting = connectTo([sentinel], { connectTimeout: '20s' }, longest);
    await eventually(() => sentinel.asked >= 5);
    // 50, 100, 200 and 400 ms
    expect(performance.now() - startMs).toBeGreaterThan(730);
    sentinel.says.primary = b;
    await isWrittenTo(b, await connecting, 'k');
  });

  it('fails the attempt when nobody knows better in time, and says so', async () => {
    const [a, b] = [await startServer(), await startServer()];
    await demote(a, b);
    const sentinel = await ScriptedSentinel.start({ primary: a });
    await expect(connectTo([sentinel], { connectTimeout: 300 })).rejects.toMatchObject({
      code: 'RU_CONNECTION',
      reason: 'unreachable',
      message: expect.stringMatching(
        new RegExp(`at 127.0.0.1:${a.port}: is a replica.*sentinel 127.0.0.1:${sentinel.port} names`),
      ),
    });
  });
});

describe('a sentinel that missed a failover', () => {
  it('does not lead back, though the old primary still takes itself for one', async () => {
    const [old, current] = [await startServer(), await startServer()];
    const stale = await ScriptedSentinel.start({ primary: old, epoch: 3, peers: [{ port: 1 }, { port: 2 }] });
    const fresh = await ScriptedSentinel.start({ primary: current, epoch: 4, peers: [{ port: 1 }, { port: 2 }] });
    const manager = await connectTo([fresh, stale], { connectTimeout: 500 });
    await isWrittenTo(current, manager, 'first');
    await fresh.stop();
    const asked = stale.asked;
    await current.command(['CLIENT', 'KILL', 'TYPE', 'normal']);
    await eventually(() => stale.asked > asked + 2);
    await expect(manager.command(['SET', 'second', '1'])).rejects.toMatchObject({ outcome: 'not-sent' });
    expect(await old.command(['DBSIZE'])).toBe(0);
  });

  it('is believed again when most of them say the same: they were set up anew', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const sentinel = await ScriptedSentinel.start({ primary: a, epoch: 7 });
    const manager = await connectTo([sentinel]);
    Object.assign(sentinel.says, { primary: b, epoch: 0 });
    await cut(a, manager);
    await isWrittenTo(b, manager, 'k');
  });

  it('is not followed by its news either', async () => {
    const [old, current] = [await startServer(), await startServer()];
    const sentinel = await ScriptedSentinel.start({ primary: current, epoch: 4, peers: [{ port: 1 }] });
    const manager = await connectTo([sentinel]);
    await eventually(() => sentinel.listeners === 1);
    Object.assign(sentinel.says, { primary: old, epoch: 3 });
    const states: string[] = [];
    manager.on('state', ({ to }) => states.push(to));
    sentinel.announce();
    // asked on the same connection after the news was looked into, so that this has ended when it is answered
    const message = expect.stringContaining('older than what they said before');
    await expect(manager.lease()).rejects.toMatchObject({ reason: 'unreachable', message });
    await isWrittenTo(current, manager, 'k');
    expect(states).toEqual([]);
  });
});

describe('the news of another primary', () => {
  it('moves everything there at once: what the old one has not answered is unknown, nothing is sent twice', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const sentinel = await ScriptedSentinel.start({ primary: a });
    const manager = await connectTo([sentinel], { commandTimeout: '20s', unresponsiveAfter: '20s' });
    await eventually(() => sentinel.listeners === 1);
    const lease = await manager.lease();
    a.pause();
    const inFlight = [manager.command(['INCR', 'n']), lease.command(['INCR', 'n'])].map((each) =>
      expect(each).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' }),
    );
    await new Promise(setImmediate);
    Object.assign(sentinel.says, { primary: b, epoch: 2 });
    sentinel.announce();
    await Promise.all(inFlight);
    lease.release();
    expect(await manager.command(['INCR', 'n'])).toBe(1);
    await using next = await manager.lease();
    expect(await next.command(['INCR', 'n'])).toBe(2);
    a.resume();
  });

  it('ends leases of the old one though the new one cannot be reached yet', async () => {
    const a = await startServer();
    const sentinel = await ScriptedSentinel.start({ primary: a });
    const manager = await connectTo([sentinel]);
    await eventually(() => sentinel.listeners === 1);
    await using lease = await manager.lease();
    const blocked = expect(lease.command(['BLPOP', 'q', 0])).rejects.toMatchObject({ outcome: 'unknown' });
    Object.assign(sentinel.says, { primary: { port: await freePort() }, epoch: 2 });
    sentinel.announce();
    await blocked;
  });

  it('ends the pause before the next attempt', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const sentinel = await ScriptedSentinel.start({ primary: a });
    const manager = await connectTo([sentinel], { reconnect: { minDelay: '60s', maxDelay: '60s' } });
    await eventually(() => sentinel.listeners === 1);
    await a.kill();
    await eventually(() => manager.state === 'down');
    Object.assign(sentinel.says, { primary: b, epoch: 2 });
    sentinel.announce();
    await eventually(() => manager.state === 'ready');
    await isWrittenTo(b, manager, 'k');
  });

  it('ends an attempt that waits for the old one', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const proxy = await FaultProxy.start(a);
    const sentinel = await ScriptedSentinel.start({ primary: proxy });
    const manager = await connectTo([sentinel], { connectTimeout: '60s' });
    await eventually(() => sentinel.listeners === 1);
    const { accepted } = proxy;
    proxy.blackHole();
    proxy.reset();
    await eventually(() => proxy.accepted > accepted);
    Object.assign(sentinel.says, { primary: b, epoch: 2 });
    sentinel.announce();
    await eventually(() => manager.state === 'ready');
    await isWrittenTo(b, manager, 'k');
  });

  it('that was missed while nobody listened is made up for', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const first = await ScriptedSentinel.start({ primary: a });
    const second = await ScriptedSentinel.start({ primary: a });
    const manager = await connectTo([first, second]);
    await eventually(() => first.listeners === 1);
    for (const each of [first, second]) Object.assign(each.says, { primary: b, epoch: 2 });
    await first.stop();
    await eventually(() => second.listeners === 1);
    await eventually(async () => expect(await b.command(['CLIENT', 'LIST'])).toMatch(/laddr=127/));
    await isWrittenTo(b, manager, 'k');
  });
});

describe('sentinels that go', () => {
  it('may all be replaced over time by others that they named', async () => {
    const a = await startServer();
    const first = await ScriptedSentinel.start({ primary: a });
    const second = await ScriptedSentinel.start({ primary: a });
    const third = await ScriptedSentinel.start({ primary: a });
    first.says.peers = [second];
    const manager = await connectTo([first]);
    await eventually(() => first.listeners === 1);
    await first.stop();
    await eventually(() => second.listeners === 1);
    second.says.peers = [third];
    await cut(a, manager);
    await second.stop();
    await eventually(() => third.listeners === 1);
    await cut(a, manager);
    await isWrittenTo(a, manager, 'k');
  });

  it('are missed once per outage, are not stormed, and are listened to when they are back', async () => {
    const a = await startServer();
    const sentinel = await ScriptedSentinel.start({ primary: a });
    const manager = await connectTo([sentinel]);
    const errors: unknown[] = [];
    manager.on('error', ({ error }) => errors.push(error));
    await eventually(() => sentinel.listeners === 1);
    sentinel.refuse();
    await eventually(() => errors.length === 1);
    const { accepted } = sentinel;
    await eventually(() => sentinel.accepted >= accepted + 3);
    expect(errors).toMatchObject([{ code: 'RU_CONNECTION', reason: 'unreachable' }]);
    await isWrittenTo(a, manager, 'k');
    sentinel.accept();
    await eventually(() => sentinel.listeners === 1, { within: '10s' });
    sentinel.refuse();
    await eventually(() => errors.length === 2);
  });
});

describe('a write that is refused because the server is a replica by now', () => {
  it('makes the library look, and succeeds at the new primary', async () => {
    const [a, b] = [await startServer(), await startServer()];
    const sentinel = await ScriptedSentinel.start({ primary: a });
    // retries that last for longer than the search does on a slow machine
    const manager = await connectTo([sentinel], { retry: { minDelay: '200ms', maxDelay: '500ms' } });
    await eventually(() => sentinel.listeners === 1);
    await demote(a, b);
    const { asked } = sentinel;
    const writes = Promise.all([manager.command(['SET', 'k0', 'x']), manager.command(['SET', 'k1', 'x'])]);
    await eventually(() => sentinel.asked > asked);
    Object.assign(sentinel.says, { primary: b, epoch: 2 });
    expect(new Set(await writes)).toEqual(new Set(['OK']));
    expect(await b.command(['DBSIZE'])).toBe(2);
  });
});
