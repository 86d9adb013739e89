import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ConnectionError, RedisManager, type RedisOptions } from '../../../src/client/index.js';
import type { RedisSentinels } from '../../../src/testing/redis-sentinels.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { OutgoingConnections } from '../../support/outgoing-connections.js';
import { freePort, RedisServer } from '../../support/redis-server.js';
import { certificates } from '../../support/tls.js';

noLeaks();
const SECRET = 'hunter2-secret';
const NAME = 'mymaster';

let group: RedisSentinels;
let primaryPort: number;

beforeAll(async () => {
  group = await RedisServer.startSentinel({ stoppedBy: 'caller' });
  primaryPort = (await group.primary()).port;
});
afterAll(() => group.stop());

async function connectTo(ports: readonly number[], options: RedisOptions = {}): Promise<RedisManager> {
  const nodes = ports.map((port) => `127.0.0.1:${port}`);
  const manager = await RedisManager.connect({ sentinel: { nodes, master: NAME }, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

async function failure(sentinel: RedisOptions['sentinel'], options: RedisOptions = {}): Promise<ConnectionError> {
  try {
    const manager = await RedisManager.connect({ ...options, sentinel });
    await manager.close();
  } catch (error) {
    return error as ConnectionError;
  }
  throw new Error('it connected');
}

const primaryOf = async (manager: RedisManager): Promise<unknown> => {
  const info = await manager.command<string>(['INFO', 'server']);
  return Number(/tcp_port:(\d+)/.exec(info)?.[1]);
};

/** Somebody who accepts and never answers. */
async function silentPort(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterThisTest(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return (server.address() as { port: number }).port;
}

describe('the primary behind sentinels', () => {
  it('is found through each of them', async () => {
    for (const { port } of group.sentinels) expect(await primaryOf(await connectTo([port]))).toBe(primaryPort);
  });

  it('is found though the first sentinel is dead', async () => {
    const [first, second] = group.sentinels;
    const manager = await connectTo([await freePort(), first?.port ?? 0, second?.port ?? 0]);
    expect(await primaryOf(manager)).toBe(primaryPort);
  });

  it('is found soon though the first sentinel accepts and never answers', async () => {
    const silent = await silentPort();
    const startMs = performance.now();
    const manager = await connectTo([silent, group.sentinels[0]?.port ?? 0], { connectTimeout: '20s' });
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(await primaryOf(manager)).toBe(primaryPort);
  });

  it('gets the configured database and name; the sentinels get neither', async () => {
    const manager = await connectTo([group.sentinels[0]?.port ?? 0], { db: 3, clientName: 'sentinel-test' });
    expect(await manager.command(['CLIENT', 'INFO'])).toMatch(/ name=sentinel-test .* db=3 /);
    const clients = await group.sentinels[0]?.command(['CLIENT', 'LIST']);
    expect(clients).not.toContain('sentinel-test');
  });

  it('serves leases and subscriptions', async () => {
    const manager = await connectTo([group.sentinels[1]?.port ?? 0]);
    await using lease = await manager.lease();
    expect((await lease.command<unknown[]>(['ROLE']))[0]).toBe('master');
    const heard: string[] = [];
    const sink = { onLost: () => {}, onRestored: () => {}, onFailed: () => {} };
    const onMessage = ({ payload }: { payload: Buffer }): void => void heard.push(String(payload));
    const handle = await manager.subscriber.subscribe({ kind: 'channel', name: 'c' }, { ...sink, onMessage });
    expect(await manager.command(['PUBLISH', 'c', 'x'])).toBe(1);
    await eventually(() => heard.length === 1);
    await handle.release();
  });

  it('is asked for on one connection to one sentinel, which is kept, and is closed with the manager', async () => {
    const outgoing = new OutgoingConnections();
    const ports = group.sentinels.map(({ port }) => port);
    const manager = await connectTo(ports);
    const leases: { release(): void }[] = [];
    await eventually(() => outgoing.attempts(ports) >= 2 && outgoing.open(ports) === 1);
    const before = outgoing.attempts(ports);
    for (let count = 0; count < 8; count += 1) leases.push(await manager.lease());
    for (const lease of leases) lease.release();
    // none, unless this process stood still so long that the others were asked beside it
    expect(outgoing.attempts(ports) - before).toBeLessThan(8);
    await eventually(() => outgoing.open(ports) === 1);
    expect(await manager.close()).toMatchObject({ drained: true });
    expect(outgoing.open([...ports, primaryPort])).toBe(0);
  });

  it('and its sentinels may ask for TLS and for users of their own', async () => {
    const certs = certificates();
    const acl = ['user default off', `user app on >${SECRET} ~* &* +@all`];
    const tls = { certificates: certs };
    await using guarded = await RedisServer.startSentinel({ replicas: 1, sentinels: 1, tls, acl });
    const options = { url: guarded.url, username: 'app', password: SECRET, tls: { ca: certs.ca.cert } };
    const manager = await RedisManager.connect(options);
    expect((await manager.command<unknown[]>(['ROLE']))[0]).toBe('master');
    await manager.close();
    await expect(RedisManager.connect({ ...options, tls: true })).rejects.toMatchObject({ reason: 'tls' });
    const wrong = RedisManager.connect({ ...options, password: `${SECRET}-not` });
    await expect(wrong).rejects.toMatchObject({ reason: 'auth', message: expect.not.stringContaining(SECRET) });
  });
});

describe('connect says at once which sentinels were asked and what each answered', () => {
  const nodes = (ports: readonly number[]): string[] => ports.map((port) => `127.0.0.1:${port}`);

  it('when none knows a primary of that name', async () => {
    const ports = group.sentinels.map(({ port }) => port);
    const error = await failure({ nodes: nodes(ports), master: 'other' });
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'unreachable', outcome: 'not-sent' });
    expect(error.message).toMatch(/^Cannot find the primary "other": no sentinel knows .* check `sentinel.master`/);
    for (const port of ports) expect(error.message).toContain(`sentinel 127.0.0.1:${port} does not know it`);
  });

  it('when none can be reached', async () => {
    const ports = [await freePort(), await freePort()];
    const error = await failure({ nodes: nodes(ports), master: NAME });
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'unreachable', outcome: 'not-sent' });
    for (const port of ports) expect(error.message).toContain(`sentinel 127.0.0.1:${port}: nothing listens there`);
  });

  it('when none answers, within the connect timeout', async () => {
    const ports = [await silentPort(), await silentPort()];
    const startMs = performance.now();
    const error = await failure({ nodes: nodes(ports), master: NAME }, { connectTimeout: 600 });
    expect(performance.now() - startMs).toBeLessThan(1_500);
    expect(error).toMatchObject({ reason: 'unreachable' });
    for (const port of ports) expect(error.message).toContain(`sentinel 127.0.0.1:${port}: no answer within`);
  });

  it('when one wants a password, or another one', async () => {
    const acl = ['user default off', `user app on >${SECRET} ~* &* +@all`];
    const guarded = await RedisServer.start({ sentinel: true, acl });
    await guarded.command(['SENTINEL', 'MONITOR', NAME, '127.0.0.1', primaryPort, 1]);
    const sentinel = { nodes: nodes([guarded.port]), master: NAME };
    const without = await failure(sentinel);
    expect(without).toMatchObject({ reason: 'auth', retryable: false });
    expect(without.message).toContain('set `sentinel.password`');
    const wrong = await failure({ ...sentinel, username: 'app', password: `${SECRET}-not` });
    expect(wrong).toMatchObject({ reason: 'auth' });
    expect(JSON.stringify(wrong) + String(wrong.stack)).not.toContain(SECRET);
    const manager = await RedisManager.connect({ sentinel: { ...sentinel, username: 'app', password: SECRET } });
    expect(await primaryOf(manager)).toBe(primaryPort);
    await manager.close();
  });

  it('when it is no sentinel', async () => {
    const error = await failure({ nodes: nodes([primaryPort]), master: NAME });
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(error.message).toContain(`sentinel 127.0.0.1:${primaryPort}: it answers, and not as a sentinel does`);
  });

  it('when the caller gives up', async () => {
    const controller = new AbortController();
    const sentinel = { nodes: nodes([await silentPort()]), master: NAME };
    const connecting = RedisManager.connect({ sentinel }, { signal: controller.signal });
    controller.abort(new Error('no longer needed'));
    await expect(connecting).rejects.toThrow('no longer needed');
  });
});
