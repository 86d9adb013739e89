/**
 * Each code block of the document that the library began from, in its TypeScript counterpart, on every target.
 */
import { describe, expect, it } from 'vitest';

import {
  CacheManager,
  DistributedLock,
  PubSubManager,
  RateLimiter,
  RedisConfig,
  RedisManager,
  SessionManager,
} from '../../src/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { noLeaks } from '../support/no-leaks.js';
import { connect, uniquePrefix, url } from '../support/target.js';

noLeaks();

describe('the seed', () => {
  it('Connection management: a configuration from the environment, a manager from it', async () => {
    const redisConfig = RedisConfig.fromEnv({ env: { REDIS_URL: await url(), REDIS_KEY_PREFIX: uniquePrefix() } });
    const redisManager = await RedisManager.connect(redisConfig);
    expect(await redisManager.command(['PING'])).toBe('PONG');
    await redisManager.close();
  });

  it('Caching: a default lifetime, set with a lifetime of its own, get typed', async () => {
    interface MyType {
      readonly id: number;
      readonly name: string;
    }
    const cacheManager = new CacheManager(await connect(), '5m');
    const value: MyType = { id: 1, name: 'one' };
    await cacheManager.set('key', value, '60s');
    const cachedValue: MyType | undefined = await cacheManager.get<MyType>('key');
    expect(cachedValue).toEqual(value);
    expect(await cacheManager.get<MyType>('another key')).toBeUndefined();
  });

  it('Distributed locking: acquire, a critical section, release', async () => {
    const manager = await connect();
    const lock = new DistributedLock(manager, 'lock_key', '30s');
    const guard = await lock.acquire();
    expect(await new DistributedLock(manager, 'lock_key', '30s').tryAcquire()).toBeUndefined();
    expect(await lock.release(guard)).toEqual({ status: 'released' });
  });

  it('Pub/sub: publish to a channel, subscribe to it typed', async () => {
    interface MyMessage {
      readonly text: string;
    }
    const pubsub = new PubSubManager(await connect());
    const channel = uniquePrefix();
    const subscriber = await pubsub.subscribe<MyMessage>(channel);
    await pubsub.publish(channel, { text: 'hello' });
    for await (const message of subscriber) {
      expect(message.data).toEqual({ text: 'hello' });
      break;
    }
  });

  it('Rate limiting: a token bucket that allows, then denies', async () => {
    const rateLimiter = new RateLimiter(await connect());
    const result = await rateLimiter.checkTokenBucket('user:123', 100, 10);
    expect(result).toMatchObject({ allowed: true, limit: 100, remaining: 99 });
    const exceeded = await rateLimiter.checkTokenBucket('user:123', 100, 10, { cost: 100 });
    expect(exceeded).toMatchObject({ allowed: false });
    expect(exceeded.retryAfterMs).toBeGreaterThan(0);
  });

  it('Session management: create, get typed, extend', async () => {
    interface UserData {
      readonly userName: string;
    }
    const cacheManager = new CacheManager(await connect(), '5m');
    const sessionManager = new SessionManager<UserData>(cacheManager);
    const sessionId = await sessionManager.createSession({ userName: 'ada' }, '1h');
    const sessionData: UserData | undefined = await sessionManager.getSession<UserData>(sessionId);
    expect(sessionData).toEqual({ userName: 'ada' });
    expect(await sessionManager.extendSession(sessionId, '1h')).toBe(true);
  });

  it('Sheets: a visualization cache that stores with the lifetime of the entry and retrieves', async () => {
    interface CacheEntry {
      readonly data: string;
      readonly ttl: number;
    }
    class VisualizationCache {
      readonly #cacheManager: CacheManager;
      constructor(manager: RedisManager) {
        this.#cacheManager = new CacheManager(manager, '5m');
      }
      store(key: string, data: CacheEntry): Promise<void> {
        return this.#cacheManager.set(key, data, data.ttl * 1000);
      }
      retrieve(key: string): Promise<CacheEntry | undefined> {
        return this.#cacheManager.get<CacheEntry>(key);
      }
    }
    const cache = new VisualizationCache(await connect());
    await cache.store('chart', { data: '<svg/>', ttl: 60 });
    expect(await cache.retrieve('chart')).toEqual({ data: '<svg/>', ttl: 60 });
  });

  it('Realtime signaling: a message broadcast to the channel of a document', async () => {
    class RedisSignalingService {
      readonly #pubsubManager: PubSubManager;
      readonly #root = uniquePrefix();
      constructor(manager: RedisManager) {
        this.#pubsubManager = new PubSubManager(manager);
        afterThisTest(() => this.#pubsubManager.close());
      }
      getChannelName(documentId: string): string {
        return `${this.#root}:document:${documentId}`;
      }
      broadcastMessage(documentId: string, message: object): Promise<unknown> {
        return this.#pubsubManager.publish(this.getChannelName(documentId), message);
      }
      listen(documentId: string): ReturnType<PubSubManager['subscribe']> {
        return this.#pubsubManager.subscribe(this.getChannelName(documentId));
      }
    }
    const service = new RedisSignalingService(await connect());
    const subscription = await service.listen('7f9c');
    await service.broadcastMessage('7f9c', { type: 'offer' });
    for await (const message of subscription) {
      expect(message.data).toEqual({ type: 'offer' });
      break;
    }
  });
});
