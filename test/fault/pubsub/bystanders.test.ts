import { describe, expect, it } from 'vitest';
import { RedisManager } from '../../../src/client/index.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const connectTo = async (options: { url: string; username?: string; password?: string }): Promise<RedisManager> => {
  const manager = await RedisManager.connect(options);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
};

describe('what goes wrong with one subscription harms no other', () => {
  it('a forbidden channel fails alone', async () => {
    const acl = ['user default on nopass ~* &* +@all', 'user app on >secret ~* resetchannels &ok +@all'];
    const server = await RedisServer.start({ acl });
    const manager = await connectTo({ url: server.url, username: 'app', password: 'secret' });
    const pubsub = new PubSubManager(manager);
    const [ok, forbidden] = await Promise.allSettled([pubsub.subscribe<number>('ok'), pubsub.subscribe('private')]);
    expect(forbidden).toMatchObject({ status: 'rejected', reason: { code: 'RU_SERVER', replyCode: 'NOPERM' } });
    expect(ok.status).toBe('fulfilled');
    await expect(pubsub.publish('private', 1)).rejects.toMatchObject({ replyCode: 'NOPERM' });
    expect(await pubsub.publish('ok', 1)).toEqual({ receivers: 1 });
  });

  it('a channel that becomes forbidden fails alone and for good, the others are restored', async () => {
    const acl = ['user default on nopass ~* &* +@all', 'user app on >secret ~* &* +@all'];
    const server = await RedisServer.start({ acl });
    const manager = await connectTo({ url: server.url, username: 'app', password: 'secret' });
    const pubsub = new PubSubManager(manager);
    const ok = await pubsub.subscribe<number>('ok');
    const forbidden = await pubsub.subscribe('private');
    // the server itself ends connections that are subscribed to what their user may no longer have
    await server.command(['ACL', 'SETUSER', 'app', 'resetchannels', '&ok']);
    expect(await forbidden.closed).toMatchObject({ replyCode: 'NOPERM' });
    await expect(forbidden[Symbol.asyncIterator]().next()).rejects.toMatchObject({ replyCode: 'NOPERM' });
    await eventually(async () => (await server.command(['PUBLISH', 'ok', '7'])) === 1);
    expect((await ok[Symbol.asyncIterator]().next()).value).toMatchObject({ data: 7 });
    const stats = manager.subscriber.stats();
    expect(stats).toMatchObject({ state: 'ready', channels: 1 });
    expect(stats.losses).toBeLessThanOrEqual(2);
  });

  it('a sink that throws loses no message of the others, nor its own later ones', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url });
    const reported: unknown[] = [];
    manager.on('error', (event) => reported.push(event));
    let thrown = 0;
    await manager.subscriber.subscribe(
      { kind: 'channel', name: 'c' },
      {
        onMessage: () => {
          thrown += 1;
          throw new Error('a sink that throws');
        },
        onLost: () => {},
        onRestored: () => {},
        onFailed: () => {},
      },
    );
    const pubsub = new PubSubManager(manager);
    const subscription = await pubsub.subscribe<number>('c');
    await Promise.all([1, 2, 3, 4, 5, 6].map((n) => pubsub.publish('c', n)));
    await eventually(() => subscription.pending === 6);
    expect(thrown).toBe(6);
    expect(reported).toHaveLength(6);
    expect(reported[0]).toMatchObject({ source: 'subscriber', error: { message: 'a sink that throws' } });
  });

  it('a reader that never reads costs bounded memory and slows nobody', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url });
    const pubsub = new PubSubManager(manager);
    const idle = await pubsub.subscribe<number>('c', { buffer: { max: 100 } });
    const eager = await pubsub.subscribe<number>('c', { buffer: { max: 20_000 } });
    const total = 5_000;
    for (let sent = 0; sent < total; sent += 1_000) {
      await Promise.all(Array.from({ length: 1_000 }, (_, index) => pubsub.publish('c', sent + index)));
    }
    const iterator = eager[Symbol.asyncIterator]();
    const read: unknown[] = [];
    while (read.length < total) read.push((await iterator.next()).value?.data);
    expect(read).toEqual(Array.from({ length: total }, (_, n) => n));
    expect(idle.pending).toBe(100);
    expect(idle.dropped).toBe(total - 100);
    expect((await idle[Symbol.asyncIterator]().next()).value?.data).toBe(total - 100);
  });

  it('a subscriber cut off for its output buffer is restored, and the gap is signalled', async () => {
    const server = await RedisServer.start({ args: ['--client-output-buffer-limit', 'pubsub 1mb 1mb 0'] });
    const manager = await connectTo({ url: server.url });
    const pubsub = new PubSubManager(manager);
    const subscription = await pubsub.subscribe<string>('c', { buffer: { max: 1_000_000 } });
    const gaps: unknown[] = [];
    subscription.onGap((gap) => gaps.push(gap));
    const script = "for i = 1, tonumber(ARGV[1]) do redis.call('PUBLISH', 'c', ARGV[2]) end";
    await server.command(['EVAL', script, '0', '20000', JSON.stringify('x'.repeat(500))]);
    await eventually(() => gaps.length === 1, { within: 10_000 });
    expect(subscription.pending).toBeLessThan(20_000);
    await server.command(['PUBLISH', 'c', '"after"']);
    await eventually(
      async () => {
        const { value } = await subscription[Symbol.asyncIterator]().next();
        return value?.data === 'after';
      },
      { within: 10_000, every: 0 },
    );
  });
});
