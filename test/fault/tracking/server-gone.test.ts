import { describe, expect, it } from 'vitest';
import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { listen, type Listener } from '../../support/invalidations.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const TARGET = { prefix: 'p:', maxStalenessMs: 1_000 };

async function connectTo(options: RedisOptions): Promise<RedisManager> {
  const manager = await RedisManager.connect(options);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

async function listening(options: RedisOptions): Promise<Listener & { manager: RedisManager; errors: string[] }> {
  const manager = await connectTo(options);
  const errors: string[] = [];
  manager.on('error', ({ source }) => errors.push(source));
  const listener = listen(manager, TARGET);
  await eventually(() => listener.handle.isArmed);
  return { manager, errors, ...listener };
}

/** The connection that tracks, by the id that the server gave it. */
async function trackerOf(server: RedisServer): Promise<string> {
  const clients = await server.command<string>(['CLIENT', 'LIST']);
  return String(/^id=(\d+) .*flags=\S*B/m.exec(clients)?.[1]);
}

/** Changes a key and waits until that has been told. */
async function hears({ told }: Listener, server: RedisServer): Promise<void> {
  const so = told.length;
  await eventually(async () => {
    await server.command(['SET', 'p:again', 'x']);
    expect(told.slice(so)).toContain('p:again');
  });
}

describe('a feed', () => {
  it('whose connection the server kills is blind at once, and armed again on a new one', async () => {
    const server = await RedisServer.start();
    const listener = await listening({ url: server.url });
    for (let round = 1; round <= 3; round += 1) {
      await hears(listener, server);
      expect(await server.command(['CLIENT', 'KILL', 'ID', await trackerOf(server)])).toBe(1);
      await eventually(() => listener.told.filter((what) => what === 'armed').length === round + 1);
      expect(listener.told.filter((what) => what === 'blind ConnectionError')).toHaveLength(round);
    }
    expect(listener.manager.state).toBe('ready');
    expect(listener.errors).toEqual(['invalidations', 'invalidations', 'invalidations']);
    await hears(listener, server);
  });

  it('of a server that freezes says so by its age at once and is blind soon, and armed when the server wakes', async () => {
    const server = await RedisServer.start();
    const listener = await listening({ url: server.url });
    const { handle, told, manager } = listener;
    const frozenMs = manager.clock.monotonicMs();
    server.pause();
    await eventually(() => told.includes('blind TimeoutError') || told.includes('blind ConnectionError'), {
      within: 6_000,
    });
    expect(manager.clock.monotonicMs() - frozenMs).toBeGreaterThan(1_500);
    expect(handle.coherentAsOfMs).toBe(-Infinity);
    server.resume();
    await eventually(() => handle.isArmed, { within: 10_000 });
    expect(handle.coherentAsOfMs).toBeGreaterThan(frozenMs);
    await hears(listener, server);
  });

  it('never claims to be coherent as of a time at which a frozen server was changed unheard', async () => {
    const server = await RedisServer.start();
    const { handle, manager } = await listening({ url: server.url });
    await server.command(['CLIENT', 'PAUSE', 1_500, 'ALL']);
    const pausedMs = manager.clock.monotonicMs();
    while (manager.clock.monotonicMs() - pausedMs < 1_200) {
      expect(handle.coherentAsOfMs).toBeLessThanOrEqual(pausedMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(handle.isArmed).toBe(true);
    await eventually(() => handle.coherentAsOfMs > pausedMs, { within: 5_000 });
  });

  it('is blind while the server is down, and armed after its restart', async () => {
    const server = await RedisServer.start();
    const listener = await listening({ url: server.url });
    await server.kill();
    await eventually(() => listener.told.includes('blind ConnectionError'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(listener.errors.filter((source) => source === 'invalidations')).toHaveLength(1);
    await server.restart();
    await eventually(() => listener.handle.isArmed, { within: 10_000 });
    await hears(listener, server);
    expect(listener.told.slice(0, 3)).toEqual(['armed', 'blind ConnectionError', 'armed']);
  });

  it('that only hears nothing any more, while it can still send, is blind', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const listener = await listening({ url: proxy.url });
    proxy.blackHole('toClient');
    await eventually(() => !listener.handle.isArmed, { within: 6_000 });
    proxy.heal();
    await eventually(() => listener.handle.isArmed, { within: 10_000 });
    await hears(listener, server);
  });

  it('of a user who may not track stays blind, says so once, and disturbs nothing else', async () => {
    const server = await RedisServer.start({ acl: ['user app on >secret ~* &* +@all -client|tracking'] });
    const manager = await connectTo({ url: server.url, username: 'app', password: 'secret' });
    const errors: unknown[] = [];
    manager.on('error', ({ error }) => errors.push(error));
    const { told, handle } = listen(manager, TARGET);
    await eventually(() => errors.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(errors).toMatchObject([{ code: 'RU_SERVER', replyCode: 'NOPERM' }]);
    expect(told).toEqual([]);
    expect(handle.isArmed).toBe(false);
    expect(await manager.command(['PING'])).toBe('PONG');
  });

  it('leaves a server that was demoted behind its address, and is armed at the one that took over', async () => {
    const [a, b] = [await RedisServer.start({ port: true }), await RedisServer.start({ port: true })];
    const proxy = await FaultProxy.start(a);
    const listener = await listening({ url: proxy.url });
    proxy.redirect(b);
    await a.command(['REPLICAOF', '127.0.0.1', b.port]);
    await eventually(() => listener.told.includes('blind Error'));
    await eventually(() => listener.handle.isArmed, { within: 5_000 });
    await hears(listener, b);
  });
});
