import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import { freePort } from '../../../src/testing/free-port.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';
import { connect, keysOf, otherPrimaries, startCluster } from './start-cluster.js';

noLeaks();
const cluster = startCluster({
  acl: ['user default off', 'user app on >right ~* &* +@all', 'user blind on >right ~* &* +@all -cluster'],
});
const app = { username: 'app', password: 'right' };

/** A port of 127.0.0.1 that accepts connections and says nothing. */
async function silentPort(): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterThisTest(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return (server.address() as { port: number }).port;
}

/** How long an attempt takes to fail, and how. */
async function refused(url: string, options: object): Promise<{ error: unknown; tookMs: number }> {
  const sinceMs = performance.now();
  const error = await RedisManager.connect({ url, ...options }).then(
    async (manager) => {
      await manager.close();
      return undefined;
    },
    (reason: unknown) => reason,
  );
  return { error, tookMs: performance.now() - sinceMs };
}

/** Reaches each primary once. */
async function reachesAll(manager: RedisManager): Promise<void> {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    await manager.command(['SET', name, name]);
    expect(await manager.command(['GET', name])).toBe(name);
  }
}

describe('a cluster is found', () => {
  test('from one of its nodes, a replica as well', async () => {
    const primary = await cluster().nodeOf(0);
    const [replica] = await cluster().replicasOf(primary);
    for (const node of [primary, replica as ClusterNode]) await reachesAll(await connect(cluster().urlOf(node), app));
  });

  test('behind seeds that are dead, and behind those that are silent, without waiting for their time to pass', async () => {
    const [node] = cluster().nodes;
    for (const port of [await freePort(), await silentPort()]) {
      const url = `redis-cluster://127.0.0.1:${port},127.0.0.1:${port},127.0.0.1:${node?.port}`;
      const sinceMs = performance.now();
      await reachesAll(await connect(url, app));
      expect(performance.now() - sinceMs).toBeLessThan(2_000);
    }
  });

  test('when its seeds are gone: the nodes that it had since are known', async () => {
    const seed = await cluster().nodeOf(0);
    const manager = await connect(cluster().urlOf(seed), { ...app, offlineQueue: { maxWait: '10s' }, breaker: false });
    await reachesAll(manager);
    await seed.kill();
    afterThisTest(async () => {
      await seed.restart();
      await cluster().waitUntilStable();
    });
    await cluster().waitUntilStable();
    const [key = ''] = await keysOf(cluster(), await cluster().nodeOf(0), 1);
    await eventually(() => manager.command(['SET', key, 'x']), { within: '10s' });
    // everything that is connected is replaced, and there is nobody left of those it was told of
    for (const slot of [8_000, 16_000]) await cluster().failover(slot);
    await eventually(() => reachesAll(manager), { within: '10s' });
  }, 60_000);
});

describe('an attempt fails at once, and says why', () => {
  test('with a wrong password', async () => {
    const { error, tookMs } = await refused(cluster().url, { ...app, password: 'wrong' });
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'auth', outcome: 'not-sent' });
    expect(String(error)).toContain('password');
    expect(tookMs).toBeLessThan(1_000);
  });

  test('with a wrong password at the one seed that answers, whoever else is silent', async () => {
    const [silent, node] = [await silentPort(), cluster().nodes[0]];
    const url = `redis-cluster://127.0.0.1:${silent},127.0.0.1:${node?.port}`;
    const { error, tookMs } = await refused(url, { ...app, password: 'wrong' });
    expect(error).toMatchObject({ reason: 'auth' });
    expect(tookMs).toBeLessThan(1_500);
  });

  test('without the permission to ask for the slots', async () => {
    const { error } = await refused(cluster().url, { username: 'blind', password: 'right' });
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'permission' });
    expect(String(error)).toContain('+cluster|slots');
  });

  test('at a server that is not in cluster mode', async () => {
    const single = await RedisServer.start({ port: true });
    const { error, tookMs } = await refused(`redis-cluster://127.0.0.1:${single.port}`, {});
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'protocol', outcome: 'not-sent', retryable: true });
    expect(String(error)).toMatch(/is not in cluster mode – use redis:\/\//);
    expect(tookMs).toBeLessThan(1_000);
  });

  test('at a node that belongs to no cluster yet', async () => {
    const lonely = await RedisServer.start({ cluster: true });
    const { error } = await refused(`redis-cluster://127.0.0.1:${lonely.port}`, {});
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'protocol' });
    expect(String(error)).toContain('knows no node that serves a slot');
  });

  test('where nobody listens', async () => {
    const url = `redis-cluster://127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}`;
    const { error, tookMs } = await refused(url, {});
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'refused', outcome: 'not-sent' });
    expect(tookMs).toBeLessThan(1_000);
  });

  test('when the signal aborts, with its reason', async () => {
    const url = `redis-cluster://127.0.0.1:${await silentPort()}`;
    const aborted = RedisManager.connect({ url }, { signal: AbortSignal.timeout(50) });
    await expect(aborted).rejects.toThrow(/timeout/);
  });
});

test('a primary that is away when the manager connects is no reason to refuse the others', async () => {
  const away = await cluster().nodeOf(0);
  const [other] = await otherPrimaries(cluster(), away);
  const [key = ''] = await keysOf(cluster(), other as ClusterNode, 1);
  away.pause();
  afterThisTest(async () => {
    away.resume();
    await cluster().waitUntilStable();
  });
  const sinceMs = performance.now();
  const manager = await connect(cluster().urlOf(other as ClusterNode), app);
  expect(performance.now() - sinceMs).toBeLessThan(2_000);
  expect(await manager.command(['SET', key, 'x'])).toBe('OK');
});
