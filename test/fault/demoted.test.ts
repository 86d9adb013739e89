import { expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

/** A failover behind one address, as of a managed service: the connection stays open, its server becomes a replica. */
noLeaks();

async function failedOver(
  options: RedisOptions,
): Promise<{ manager: RedisManager; proxy: FaultProxy; b: RedisServer }> {
  const a = await RedisServer.start({ port: true });
  const b = await RedisServer.start({ port: true });
  const proxy = await FaultProxy.start(a);
  const manager = await RedisManager.connect({ url: proxy.url, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  expect(await manager.command(['INCR', 'n'])).toBe(1);
  await a.command(['REPLICAOF', '127.0.0.1', b.port]);
  await eventually(async () => expect(await a.command(['INFO', 'replication'])).toMatch(/link_status:up/));
  return { manager, proxy, b };
}

it('a refused write makes a new connection, and what may be tried again succeeds there', async () => {
  const { manager, proxy, b } = await failedOver({});
  proxy.redirect(b);
  expect(await manager.command(['INCR', 'n'])).toBe(1);
  expect(await b.command(['GET', 'n'])).toBe('1');
  await eventually(() => proxy.connections === 1);
});

it('a write refused on a lease makes a new connection, and the lease is not lent again', async () => {
  const { manager, proxy, b } = await failedOver({});
  const { accepted } = proxy;
  const lease = await manager.lease();
  proxy.redirect(b);
  await expect(lease.command(['INCR', 'n'])).rejects.toMatchObject({ replyCode: 'READONLY' });
  lease.release();
  await using next = await manager.lease();
  expect(await next.command(['INCR', 'n'])).toBe(1);
  // that of the lease before, the shared one, and this one
  await eventually(() => proxy.accepted === accepted + 3);
  expect(await manager.command(['INCR', 'n'])).toBe(2);
});

it('refused writes make one new connection per second at most, and none of them is a loss', async () => {
  const { manager, proxy } = await failedOver({ retry: false });
  const states: string[] = [];
  manager.on('state', ({ to }) => states.push(to));
  const { accepted } = proxy;
  const startMs = performance.now();
  let refused = 0;
  await eventually(async () => {
    await expect(manager.command(['INCR', 'n'])).rejects.toMatchObject({ replyCode: 'READONLY' });
    refused += 1;
    expect(proxy.accepted).toBeGreaterThanOrEqual(accepted + 2);
  });
  const seconds = (performance.now() - startMs) / 1_000;
  expect(seconds).toBeGreaterThan(0.9);
  expect(proxy.accepted - accepted).toBeLessThanOrEqual(seconds + 1.1);
  expect(refused).toBeGreaterThan(10);
  expect(states).toEqual([]);
});
