import { describe, expect, it } from 'vitest';
import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { PubSubManager, type Gap, type Subscription } from '../../../src/pubsub/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

async function connectTo(url: string, options: RedisOptions = {}): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

/** Reads in the background until the subscription ends. */
function readAll<T>(subscription: Subscription<T>): { readonly read: T[]; readonly ended: Promise<void> } {
  const read: T[] = [];
  const ended = (async () => {
    for await (const message of subscription) read.push(message.data);
  })();
  return { read, ended };
}

async function restored(manager: RedisManager, losses: number): Promise<void> {
  await eventually(() => {
    const stats = manager.subscriber.stats();
    return stats.state === 'ready' && stats.losses >= losses;
  });
}

describe('a subscription whose connection is lost', () => {
  it('goes on by itself when the server kills subscriber connections, and signals one gap for each', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url);
    const pubsub = new PubSubManager(manager);
    const subscription = await pubsub.subscribe<number>('c');
    const gaps: Gap[] = [];
    subscription.onGap((gap) => gaps.push(gap));
    const { read, ended } = readAll(subscription);
    for (const round of [1, 2, 3]) {
      await pubsub.publish('c', round);
      await eventually(() => read.length === round);
      expect(await server.command(['CLIENT', 'KILL', 'TYPE', 'pubsub'])).toBe(1);
      await eventually(() => gaps.length === round);
    }
    expect(read).toEqual([1, 2, 3]);
    for (const gap of gaps) expect(gap.sinceMs).toBeLessThanOrEqual(gap.untilMs);
    await subscription.unsubscribe();
    await ended;
    expect(await server.command(['PUBSUB', 'CHANNELS'])).toEqual([]);
  });

  it('goes on by itself after kill -9 and a restart, channels and patterns', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url);
    const pubsub = new PubSubManager(manager);
    const subscriptions = [await pubsub.subscribe<number>('c'), await pubsub.psubscribe<number>('c*')];
    const readers = subscriptions.map(readAll);
    await server.kill();
    await eventually(() => manager.subscriber.stats().losses === 1);
    await server.restart();
    await eventually(() => manager.state === 'ready');
    await eventually(async () => (await server.command(['PUBSUB', 'NUMPAT'])) === 1);
    await eventually(async () => (await pubsub.publish('c', 1)).receivers === 2);
    await eventually(() => readers.every(({ read }) => read.at(-1) === 1));
    await pubsub.close();
    await Promise.all(readers.map(({ ended }) => ended));
  });

  it('a subscribe during an outage is refused in bounded time, and works when the server is back', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url);
    const pubsub = new PubSubManager(manager);
    await server.kill();
    await expect(pubsub.subscribe('a')).rejects.toMatchObject({ code: 'RU_CONNECTION' });
    await server.restart();
    await eventually(() => manager.state === 'ready');
    const subscription = await pubsub.subscribe<number>('a');
    expect(await pubsub.publish('a', 1)).toEqual({ receivers: 1 });
    expect((await subscription[Symbol.asyncIterator]().next()).value).toMatchObject({ data: 1 });
  });

  it('a server that freezes during subscribe does not hold the caller', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url, { commandTimeout: 300 });
    const pubsub = new PubSubManager(manager);
    const kept = await pubsub.subscribe<number>('kept');
    const { read, ended } = readAll(kept);
    server.pause();
    await expect(pubsub.subscribe('b')).rejects.toMatchObject({ code: 'RU_TIMEOUT', outcome: 'unknown' });
    server.resume();
    await restored(manager, 1);
    await eventually(async () => {
      expect(await server.command(['PUBSUB', 'NUMSUB', 'kept', 'b'])).toEqual(['kept', 1, 'b', 0]);
    });
    await eventually(() => manager.state === 'ready');
    await pubsub.publish('kept', 1);
    await eventually(() => read.includes(1));
    await kept.unsubscribe();
    await ended;
  });

  it('killed between subscribe and acknowledgement, the caller is told and nothing is left', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo(proxy.url);
    const pubsub = new PubSubManager(manager);
    const keeper = await pubsub.subscribe('keeper');
    server.pause();
    const joining = pubsub.subscribe('b');
    const refused = expect(joining).rejects.toMatchObject({ code: 'RU_CONNECTION' });
    await new Promise(setImmediate);
    proxy.reset();
    server.resume();
    await refused;
    await restored(manager, 1);
    await eventually(async () => {
      expect(await server.command(['PUBSUB', 'NUMSUB', 'keeper', 'b'])).toEqual(['keeper', 1, 'b', 0]);
    });
    await keeper.unsubscribe();
  });

  it('closing while the server is away leaves nothing and ends every reader', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo(server.url);
    const pubsub = new PubSubManager(manager);
    const { ended } = readAll(await pubsub.subscribe('a'));
    await server.kill();
    await eventually(() => manager.subscriber.stats().losses === 1);
    await manager.close();
    await ended;
    expect(manager.subscriber.stats().state).toBe('closed');
  });
});
