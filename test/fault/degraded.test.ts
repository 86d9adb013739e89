import { describe, expect, it } from 'vitest';

import { type ManagerState, readiness, liveness, RedisManager, type RedisOptions } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

async function connectTo(options: RedisOptions): Promise<{ manager: RedisManager; states: ManagerState[] }> {
  const manager = await RedisManager.connect(options);
  const states: ManagerState[] = [];
  manager.on('state', ({ to }) => states.push(to));
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return { manager, states };
}

describe('a server that stops answering', () => {
  it('degrades the manager before the connection is given up, and no more when it answers after all', async () => {
    const server = await RedisServer.start();
    const { manager, states } = await connectTo({ url: server.url, commandTimeout: '30s', unresponsiveAfter: '4s' });
    server.pause();
    const waiting = manager.command(['INCR', 'n']);
    await eventually(() => manager.state === 'degraded', { within: 5_000 });
    expect(manager.nodes()[0]).toMatchObject({ ok: false, inFlight: 1, connectedSince: expect.any(Date) });
    server.resume();
    expect(await waiting).toBe(1);
    expect(states).toEqual(['degraded', 'ready']);
    expect(manager.nodes()[0]).toMatchObject({ ok: true, inFlight: 0, lastError: undefined });
  });

  it('ends the connection in the end, and is ready again with a new one', async () => {
    const server = await RedisServer.start();
    const { manager, states } = await connectTo({ url: server.url, unresponsiveAfter: 400 });
    let why: Error | undefined;
    manager.on('state', ({ to, cause }) => to === 'degraded' && (why = cause));
    server.pause();
    await expect(manager.command(['PING'])).rejects.toMatchObject({ reason: 'unresponsive' });
    expect(states).toEqual(['degraded', 'down']);
    expect(why?.message).toMatch(/Commands wait for .*, and not a byte arrived for \d+ ms/);
    server.resume();
    await manager.ready({ timeout: '10s' });
    expect(states).toEqual(['degraded', 'down', 'ready']);
  });
});

describe('a cluster with a node away', () => {
  it('is degraded until the node is back, and serves what the others serve', async () => {
    const cluster = await RedisServer.startCluster({ replicas: 0 });
    const { manager, states } = await connectTo({ url: cluster.url });
    const lost = await cluster.nodeOf('k');
    await lost.kill();
    await eventually(() => manager.state === 'degraded');
    const nodes = manager.nodes();
    expect(nodes.map(({ ok }) => ok).filter(Boolean)).toHaveLength(2);
    expect(nodes.find(({ ok }) => !ok)).toMatchObject({
      endpoint: expect.stringContaining(String(lost.port)),
      role: undefined,
      lastError: { code: 'RU_CONNECTION' },
      connectedSince: undefined,
    });
    expect(await readiness(manager)).toMatchObject({ ok: true, status: 200, state: 'degraded' });
    await lost.restart();
    await eventually(() => manager.state === 'ready', { within: 10_000 });
    expect(states).toEqual(['degraded', 'ready']);
  });
});

describe('a server that is away', () => {
  it('fails readiness at once and with the reason, and never liveness', async () => {
    const server = await RedisServer.start();
    const { manager } = await connectTo({ url: server.url });
    expect(await readiness(manager)).toMatchObject({ ok: true, status: 200, roundTripMs: expect.any(Number) });
    server.pause();
    expect(await readiness(manager, { timeout: 50 })).toMatchObject({
      ok: false,
      status: 503,
      reason: expect.stringContaining('within 50 ms'),
    });
    await server.kill();
    await eventually(() => manager.state === 'down');
    expect(await readiness(manager)).toMatchObject({ ok: false, status: 503, reason: 'the manager is down' });
    expect(liveness(manager)).toMatchObject({ ok: true, status: 200, state: 'down' });
    expect(manager.nodes()[0]).toMatchObject({ ok: false, lastError: { code: 'RU_CONNECTION' } });
  });

  it('is waited for by ready(), for as long as it may take', async () => {
    const server = await RedisServer.start();
    const { manager } = await connectTo({ url: server.url });
    await manager.ready();
    await server.kill();
    await eventually(() => manager.state === 'down');
    await expect(manager.ready({ timeout: 20 })).rejects.toMatchObject({ code: 'RU_TIMEOUT', operation: 'ready' });
    const aborted = manager.ready({ signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' });
    const back = manager.ready({ timeout: '20s' });
    await server.restart();
    await back;
    expect(manager.state).toBe('ready');
  });
});
