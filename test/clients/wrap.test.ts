import { createClient, createClientPool, createCluster, createSentinel } from '@redis/client';
import { Cluster, Redis as Ioredis5 } from 'ioredis';
import { Redis as Ioredis6 } from 'ioredis-6';
import { Redis as Iovalkey } from 'iovalkey';
import { describe, expect, it } from 'vitest';

import { CacheManager } from '../../src/cache/index.js';
import { RedisManager, type WrappableClient, type WrapOptions } from '../../src/client/index.js';
import { ioredis } from '../../src/ioredis/index.js';
import { DistributedLock } from '../../src/lock/index.js';
import { nodeRedis } from '../../src/node-redis/index.js';
import { PubSubManager } from '../../src/pubsub/index.js';
import { RateLimiter } from '../../src/rate-limit/index.js';
import { SessionManager } from '../../src/session/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { CLASSES, FAMILIES, ioredisClient, nodeRedisClient } from '../support/clients.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { freePort, RedisServer } from '../support/redis-server.js';
import { server, uniquePrefix } from '../support/target.js';

noLeaks();

async function wrap(client: WrappableClient, options: WrapOptions = {}): Promise<RedisManager> {
  const manager = await RedisManager.wrap(client, { prefix: uniquePrefix(), ...options });
  afterThisTest(async () => void (await manager.close({ drain: 1_000 })));
  return manager;
}

async function socket(): Promise<{ path: string }> {
  return { path: (await server()).socketPath };
}

const refusal = async (client: unknown): Promise<string> =>
  RedisManager.wrap(client as WrappableClient).then(
    () => 'wrapped',
    (error: Error & { code: string }) => `${error.code}: ${error.message}`,
  );

describe.each(FAMILIES)('$name', ({ make, resp3 }) => {
  it('can keep values of a cache near where the processes tell each other, and else refuses to', async () => {
    const prefix = uniquePrefix();
    const one = await wrap((await make(await socket())).client, { prefix });
    const two = await wrap((await make(await socket())).client, { prefix });
    expect(() => new CacheManager(one, '5m', { near: {} })).toThrow(/coherence.*'pubsub'/);
    const near = { coherence: 'pubsub' } as const;
    const [here, there] = [new CacheManager(one, '5m', { near }), new CacheManager(two, '5m', { near })];
    await there.set('k', 'old');
    await eventually(async () => {
      await here.get('k');
      return here.stats().nearHits > 0;
    });
    await there.set('k', 'new');
    await eventually(async () => (await here.get('k')) === 'new');
  });

  it('carries all six features', async () => {
    const manager = await wrap((await make(await socket())).client);
    expect(manager.capabilities).toEqual({ atMostOnce: true, resp3, watchdog: false, invalidations: false });

    const cache = new CacheManager(manager, '1m');
    await cache.set('k', { at: new Date(0), bytes: new Uint8Array([0, 255]) });
    expect(await cache.get('k')).toEqual({ at: new Date(0), bytes: Buffer.from([0, 255]) });
    expect(await Promise.all([cache.increment('n'), cache.increment('n', 41)])).toEqual([1, 42]);

    const lock = new DistributedLock(manager, 'l', '10s');
    const guard = await lock.acquire();
    expect(await lock.tryAcquire()).toBeUndefined();
    expect(await guard.release()).toEqual({ status: 'released' });

    const limiter = new RateLimiter(manager);
    const decisions = await Promise.all([1, 2, 3].map(() => limiter.checkTokenBucket('u', 2, 0.01)));
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, false]);

    const sessions = new SessionManager(cache);
    const id = await sessions.createSession({ name: 'Ada' }, '1h');
    expect(await sessions.getSession(id)).toEqual({ name: 'Ada' });

    const pubsub = new PubSubManager(manager);
    const channel = uniquePrefix();
    const subscription = await pubsub.subscribe<{ n: number }>(channel);
    expect(await pubsub.publish(channel, { n: 1 })).toEqual({ receivers: 1 });
    for await (const { data } of subscription) {
      expect(data).toEqual({ n: 1 });
      break;
    }

    await using lease = await manager.lease();
    await lease.command(['MULTI']);
    await lease.command(['SET', `${manager.config.prefix}:t`, '1', 'PX', 60_000]);
    expect(await lease.command(['EXEC'])).toEqual(['OK']);

    const health = await manager.health();
    expect(health).toMatchObject({ ok: true, state: 'ready', endpoint: manager.endpoint, inFlight: 0 });
    expect(health.server?.version).toMatch(/^\d+\./);
  });
});

describe('where it is connected to', () => {
  it('is told by the client, without credentials', async () => {
    const secured = await RedisServer.start({ port: true, args: ['--requirepass', 'sesame'] });
    const { port } = secured;
    const inUrl = createClient({ url: `redis://default:sesame@127.0.0.1:${port}/3` }).on('error', () => {});
    await inUrl.connect();
    afterThisTest(() => inUrl.destroy());
    const { client } = await ioredisClient(Ioredis5, { port }, { password: 'sesame', db: 3 });
    for (const each of [inUrl, client]) {
      const manager = await wrap(each);
      expect(manager.endpoint).toBe(`redis://127.0.0.1:${port}/3`);
      await manager.command(['SET', 'where', 'here']);
      await using lease = await manager.lease();
      expect(await lease.command(['GET', 'where'])).toBe('here');
    }
    const { path } = await socket();
    expect((await wrap((await nodeRedisClient({ path })).client)).endpoint).toBe(`redis+unix://${path}?db=0`);
  });
});

describe('what cannot be wrapped', () => {
  it('is refused with what was expected', async () => {
    const expected = 'Expected `client` to be a single client of @redis/client, redis, ioredis or iovalkey, got';
    for (const thing of [undefined, null, 'redis://localhost', {}, new Map(), { family: 'ioredis' }]) {
      expect(await refusal(thing)).toMatch(`RU_CONFIG: ${expected}`);
    }
    const pool = createClientPool();
    const cluster = createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] });
    const sentinel = createSentinel({ name: 'm', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] });
    const legacy = createClient().legacy();
    for (const client of [pool, sentinel, legacy]) expect(await refusal(client)).toMatch(expected);
    expect(await refusal(cluster)).toMatch('a client for a cluster – use RedisManager.connect({ cluster })');
    const ioredisCluster = new Cluster([{ port: 1 }], { lazyConnect: true });
    expect(await refusal(ioredisCluster)).toMatch('a client for a cluster');
    expect(() => ioredis(createClient() as never)).toThrow('a single client of ioredis or iovalkey');
    expect(() => nodeRedis(new Ioredis5({ lazyConnect: true }) as never)).toThrow('a single client of @redis/client');
  });

  it('may be told by name, without a look', async () => {
    const manager = await wrap(nodeRedis(createClient({ socket: { ...(await socket()), tls: false } }) as never)).catch(
      (error: unknown) => error,
    );
    expect(manager).toMatchObject({ code: 'RU_CONNECTION', reason: 'closed', outcome: 'not-sent' });
    const { client } = await ioredisClient(Iovalkey, await socket());
    expect(await (await wrap(ioredis(client as Iovalkey))).command(['PING'])).toBe('PONG');
  });

  it('is a client whose settings change keys or replies', async () => {
    const prefixed = new Ioredis5({ lazyConnect: true, keyPrefix: 'app:' });
    expect(await refusal(prefixed)).toMatch('Expected `client.keyPrefix` to be empty');
    expect(await refusal(new Ioredis6({ lazyConnect: true, stringNumbers: true }))).toMatch('`client.stringNumbers`');
    const { client } = await ioredisClient(Ioredis5, await socket());
    await (client as Ioredis5).subscribe('news');
    expect(await refusal(client)).toMatch('one that takes commands, not in subscriber mode');
  });

  it('is an option that is the client’s own affair, or none at all', async () => {
    const { client } = await nodeRedisClient(await socket());
    const attempt = (options: object): Promise<unknown> => wrap(client, options).catch((error: Error) => error.message);
    expect(await attempt({ password: 'sesame' })).toBe(
      'Expected `wrap.password` to be unset, because the client decides that by its own options, got a value',
    );
    expect(await attempt({ reconnect: {} })).toMatch('`wrap.reconnect`');
    expect(await attempt({ commandTimout: 5 })).toMatch('did you mean `commandTimeout`?');
    expect(await attempt({ commandTimeout: '5 weeks' })).toMatch('`commandTimeout`');
  });
});

describe('a client that cannot connect', () => {
  it('fails with the reason of its first attempt, and is left alone', async () => {
    const port = await freePort();
    const options = { port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, disconnectTimeout: 1 };
    const clients = [new Ioredis5(options), new Ioredis6(options), new Iovalkey(options)];
    for (const client of clients) {
      const manager = wrap(client);
      await expect(manager).rejects.toMatchObject({ code: 'RU_CONNECTION', reason: 'refused', outcome: 'not-sent' });
      expect(client.listenerCount('error')).toBe(0);
      client.disconnect();
    }
  });

  it('says that the password is wrong', async () => {
    const secured = await RedisServer.start({ args: ['--requirepass', 'sesame'] });
    const client = new Ioredis6({ path: secured.socketPath, password: 'other', lazyConnect: true });
    client.on('error', () => {});
    afterThisTest(() => client.disconnect());
    await expect(wrap(client)).rejects.toMatchObject({ reason: 'auth' });
    const opening = createClient({ socket: { path: secured.socketPath, tls: false }, password: 'other' });
    opening.on('error', () => {});
    void opening.connect().catch(() => {});
    afterThisTest(() => opening.destroy());
    await expect(wrap(opening)).rejects.toMatchObject({ reason: 'auth' });
  });

  it('is waited for no longer than connectTimeout, or until the signal aborts', async () => {
    const proxy = await FaultProxy.start(await server());
    proxy.blackHole();
    const client = new Ioredis5({ port: proxy.port, host: '127.0.0.1', lazyConnect: true, disconnectTimeout: 1 });
    client.on('error', () => {});
    afterThisTest(() => client.disconnect());
    await expect(wrap(client, { connectTimeout: 100 })).rejects.toMatchObject({ reason: 'timeout' });
    const signal = AbortSignal.timeout(100);
    await expect(RedisManager.wrap(client, {}, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(client.listenerCount('error')).toBe(1);
  });

  it('may be refused HELLO by an ACL', async () => {
    const strict = await RedisServer.start({ acl: ['user default on nopass ~* &* +@all -hello'] });
    const { client } = await ioredisClient(Ioredis5, { path: strict.socketPath });
    const manager = await wrap(client);
    expect(manager.capabilities.resp3).toBe(false);
    expect(await manager.command(['PING'])).toBe('PONG');
  });
});

describe('a client that sends again what may have run', () => {
  const REFUSED =
    /client sends nothing twice, which .* relies on – wrap a client with `autoResendUnfulfilledCommands: false`/;

  it.each(CLASSES.filter(({ name }) => !name.startsWith('@redis')))('$name does', async ({ make }) => {
    const proxy = await FaultProxy.start(await server());
    const { client } = await make({ port: proxy.port });
    const resending = (client as Ioredis5).duplicate({ autoResendUnfulfilledCommands: true, lazyConnect: false });
    resending.on('error', () => {});
    afterThisTest(() => resending.disconnect());
    const manager = await wrap(resending);
    expect(manager.capabilities.atMostOnce).toBe(false);
    const key = uniquePrefix();
    void proxy.loseReply({ command: 'INCR' });
    expect(await manager.command(['INCR', key])).toBe(2);
    await manager.command(['DEL', key]);
  });

  it('is refused by whatever could do harm by running twice, with the setting that cures it', async () => {
    const client = new Ioredis5({ ...(await socket()), lazyConnect: true });
    afterThisTest(() => client.disconnect());
    const manager = await wrap(client);
    const cache = new CacheManager(manager, '1m');
    expect(() => new DistributedLock(manager, 'l', '1s')).toThrow(REFUSED);
    expect(() => new RateLimiter(manager)).toThrow(REFUSED);
    expect(() => new PubSubManager(manager)).toThrow(REFUSED);
    expect(() => new SessionManager(cache)).toThrow(REFUSED);
    await expect(cache.increment('n')).rejects.toThrow(REFUSED);
    await expect(cache.setIfAbsent('k', 1)).rejects.toThrow(REFUSED);
    await expect(cache.getAndDelete('k')).rejects.toThrow(REFUSED);
    await cache.set('k', 'v');
    expect(await cache.get('k')).toBe('v');
    // the client's own repeats are not repeated
    expect(manager.config.settings().retry).toBeUndefined();
    await expect(wrap(client, { retry: {} })).rejects.toThrow('Expected `wrap.retry` to be false');

    const cured = client.duplicate({ autoResendUnfulfilledCommands: false });
    afterThisTest(() => cured.disconnect());
    const guard = await new DistributedLock(await wrap(cured), 'l', '1s').acquire();
    expect(await guard.release()).toEqual({ status: 'released' });
  });
});

describe('a client that queues nothing while it is away', () => {
  it.each([
    ['@redis/client', () => socket().then((place) => nodeRedisClient(place, { disableOfflineQueue: true }))],
    ['ioredis', () => socket().then((place) => ioredisClient(Ioredis5, place, { enableOfflineQueue: false }))],
  ])('%s has nothing queued for it', async (_name, make) => {
    const { client, end } = await make();
    const manager = await wrap(client);
    expect(await manager.command(['PING'])).toBe('PONG');
    end();
    await expect(manager.command(['PING'])).rejects.toMatchObject({ outcome: 'not-sent' });
  });
});
