import { expect, it } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { RedisManager, type RedisOptions } from '../../../src/client/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const NEAR = { coherence: 'pubsub', maxStaleness: '1s' } as const;

interface Opened {
  readonly cache: CacheManager;
  /** `armed` and `blind`, in order. */
  readonly told: string[];
  /** Who reported an error. */
  readonly errors: string[];
}

async function open(url: string, options: RedisOptions = {}): Promise<Opened> {
  const manager = await RedisManager.connect({ url, prefix: 'ru', ...options });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  const [told, errors]: [string[], string[]] = [[], []];
  manager.on('error', ({ source }) => errors.push(source));
  const cache = new CacheManager(manager, '5m', { near: NEAR });
  cache.on('armed', () => told.push('armed'));
  cache.on('blind', () => told.push('blind'));
  return { cache, told, errors };
}

/** Reads until it comes from near, and gives what came last. */
async function warm(cache: CacheManager, key: string): Promise<unknown> {
  let value: unknown;
  await eventually(
    async () => {
      const before = cache.stats().nearHits;
      value = await cache.get(key);
      return cache.stats().nearHits > before;
    },
    { within: '10s' },
  );
  return value;
}

it('a cache whose subscription the server kills is blind until there is another, each time', async () => {
  const server = await RedisServer.start();
  const [{ cache, told, errors }, other] = [await open(server.url), await open(server.url)];
  for (let round = 1; round <= 3; round += 1) {
    await other.cache.set('k', `old ${round}`);
    expect(await warm(cache, 'k')).toBe(`old ${round}`);
    expect(await server.command(['CLIENT', 'KILL', 'TYPE', 'pubsub'])).toBe(1);
    await other.cache.set('k', `new ${round}`);
    await eventually(() => told.length === 2 * round + 1);
    expect(await warm(cache, 'k')).toBe(`new ${round}`);
  }
  expect(told).toEqual(['armed', 'blind', 'armed', 'blind', 'armed', 'blind', 'armed']);
  // the loss is the subscriber's to report
  expect(errors).toEqual(['subscriber', 'subscriber', 'subscriber']);
});

it('a cache whose server is away for a while says so once, and believes nothing from before', async () => {
  const server = await RedisServer.start();
  const { cache, told, errors } = await open(server.url);
  await cache.set('k', 'old');
  await warm(cache, 'k');
  await server.kill();
  await eventually(() => told.includes('blind'));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(cache.stats().near?.entries).toBe(0);
  await server.restart();
  await eventually(() => told.length === 3, { within: '10s' });
  expect(errors.filter((source) => source === 'cache').length).toBeLessThanOrEqual(1);
  await cache.set('k', 'new');
  expect(await warm(cache, 'k')).toBe('new');
});

it('a cache that hears nothing any more serves nothing that is older than promised, and recovers', async () => {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start(server);
  const [{ cache, told }, other] = [await open(proxy.url), await open(server.url)];
  await other.cache.set('k', 'old');
  await warm(cache, 'k');
  proxy.blackHole('toClient');
  await other.cache.set('k', 'new');
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect(await cache.get('k', { timeout: 100 })).toBeUndefined();
  proxy.heal();
  expect(await warm(cache, 'k')).toBe('new');
  expect(told.at(-1)).toBe('armed');
});

it('what could not be told is told when the server can be reached again', async () => {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start(server);
  const [{ cache }, other] = [await open(server.url), await open(proxy.url, { commandTimeout: 500 })];
  await other.cache.set('k', 'old');
  expect(await warm(cache, 'k')).toBe('old');
  proxy.refuse();
  proxy.reset();
  await eventually(() => other.cache.manager.state === 'down');
  await other.cache.delete('k');
  await proxy.accept();
  await eventually(async () => (await cache.get('k')) === undefined, { within: '10s' });
});

it('who may listen but not publish keeps nothing near, and says so once', async () => {
  const acl = ['user app on >secret ~* &* +@all -publish'];
  const server = await RedisServer.start({ acl });
  const manager = await RedisManager.connect({ url: server.url, username: 'app', password: 'secret' });
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  const errors: unknown[] = [];
  manager.on('error', ({ error }) => errors.push(error));
  const cache = new CacheManager(manager, '5m', { near: NEAR });
  for (let round = 0; round < 30; round += 1) {
    await cache.get('k');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(errors).toMatchObject([{ code: 'RU_SERVER', replyCode: 'NOPERM' }]);
  expect(cache.stats().near?.entries).toBe(0);
});
