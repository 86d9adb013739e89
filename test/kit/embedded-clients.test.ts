import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CacheManager, DistributedLock, PubSubManager, RateLimiter, RedisManager } from '../../src/index.js';
import { EmbeddedRedis } from '../../src/testing/embedded/embedded-redis.js';
import { eventually } from '../../src/testing/eventually.js';
import { findServer } from '../../src/testing/server-binary.js';
import { noLeaks } from '../support/no-leaks.js';

noLeaks();

/** Any client can talk to the listener. */

let redis: EmbeddedRedis;
beforeEach(async () => {
  redis = await EmbeddedRedis.start({ listen: 'tcp' });
});
afterEach(() => redis.stop());

test.each(['tcp', 'unix'] as const)('this library, over %s', async (listen) => {
  await using own = await EmbeddedRedis.start({ listen });
  const manager = await RedisManager.connect(own.url);
  const cache = new CacheManager(manager, '5m');
  await cache.set('k', { a: [1, 'zwei', null] });
  expect(await cache.get('k')).toEqual({ a: [1, 'zwei', null] });
  const guard = await new DistributedLock(manager, 'job', '30s').acquire();
  expect(await new DistributedLock(manager, 'job', '30s').tryAcquire()).toBeUndefined();
  await guard.release();
  expect((await new RateLimiter(manager).checkTokenBucket('u', 2, 1)).allowed).toBe(true);
  const pubsub = new PubSubManager(manager);
  const news = await pubsub.subscribe<string>('news');
  await pubsub.publish('news', 'hello');
  expect((await news[Symbol.asyncIterator]().next()).value).toMatchObject({ data: 'hello' });
  await news.unsubscribe();
  await using lease = await manager.lease();
  const popped = lease.command(['BLPOP', 'queue', '0']);
  await manager.command(['RPUSH', 'queue', 'job']);
  expect(await popped).toEqual(['queue', 'job']);
  await manager.close();
  await eventually(() => own.connections === 0);
});

test.each([2, 3] as const)('@redis/client in RESP%i', async (RESP) => {
  const client = createClient({ url: redis.url, RESP });
  const subscriber = client.duplicate();
  await Promise.all([client.connect(), subscriber.connect()]);
  expect(await client.set('k', 'v')).toBe('OK');
  expect(await client.get('k')).toBe('v');
  await client.hSet('h', { a: '1', b: '2' });
  expect({ ...(await client.hGetAll('h')) }).toEqual({ a: '1', b: '2' });
  expect(await client.multi().incr('n').incr('n').exec()).toEqual([1, 2]);
  const received = new Promise((settle) => void subscriber.subscribe('c', settle).then(() => client.publish('c', 'm')));
  expect(await received).toBe('m');
  await subscriber.close();
  await client.close();
});

interface IoRedis {
  set(key: string, value: string): Promise<string>;
  get(key: string): Promise<string | null>;
  multi(): { incr(key: string): { exec(): Promise<[Error | null, unknown][] | null> } };
  subscribe(channel: string): Promise<number>;
  publish(channel: string, message: string): Promise<number>;
  on(event: 'message', listener: (channel: string, message: string) => void): void;
  quit(): Promise<string>;
}

const bench = resolve(import.meta.dirname, '../../bench');
/** The benchmark's packages are installed by `npm run bench` only. */
const ioredisThere = ['ioredis', 'ioredis-6'].filter((name) => existsSync(join(bench, 'node_modules', name)));

test.runIf(ioredisThere.length > 0).each(ioredisThere)('%s', async (name) => {
  const { Redis } = createRequire(join(bench, 'x.cjs'))(name) as { Redis: new (url: string) => IoRedis };
  const [client, subscriber] = [new Redis(redis.url), new Redis(redis.url)];
  expect(await client.set('k', 'v')).toBe('OK');
  expect(await client.get('k')).toBe('v');
  expect(await client.multi().incr('n').exec()).toEqual([[null, 1]]);
  await subscriber.subscribe('c');
  const received = new Promise((settle) => subscriber.on('message', (_, message) => settle(message)));
  await client.publish('c', 'm');
  expect(await received).toBe('m');
  expect(await client.quit()).toBe('OK');
  await subscriber.quit();
});

const cli = join(dirname(findServer().path), 'cli');

describe.runIf(existsSync(cli))('a client in another language', () => {
  test.each(['-2', '-3'])('redis-cli %s', async (protocol) => {
    const ask = async (...words: string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)(cli, ['-p', String(redis.port), protocol, ...words]);
      return stdout.trim();
    };
    expect(await ask('SET', 'k', 'v')).toBe('OK');
    expect(await ask('GET', 'k')).toBe('v');
    expect(await ask('EVAL', 'return redis.call("INCR", KEYS[1])', '1', 'n')).toBe('1');
    expect(await ask('NOSUCH')).toMatch(/^ERR unknown command/);
  });
});
