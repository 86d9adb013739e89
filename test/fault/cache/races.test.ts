import { expect, test } from 'vitest';
import { CacheManager, type LoadContext } from '../../../src/cache/index.js';
import { RedisManager } from '../../../src/client/manager.js';
import { afterThisTest } from '../../support/cleanup.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

/** `CACHE_ROUNDS=10000` is the long form. */
const ROUNDS = Number(process.env['CACHE_ROUNDS'] ?? 300);
const KEYS = 3;

/** What the cache is in front of: versions that only grow. */
class Database {
  readonly #versions = new Map<string, number>();

  read(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  write(key: string): number {
    const version = this.read(key) + 1;
    this.#versions.set(key, version);
    return version;
  }
}

/** What has changed in the database, and how the cache knows it. */
interface Written {
  readonly key: string;
  readonly tag: string;
  readonly full: string;
  readonly version: number;
}

/** Numbers from a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('after an invalidation nobody is served what was loaded before it', { timeout: 600_000 }, async () => {
  const seed = Number(process.env['FC_SEED'] ?? Math.trunc(performance.timeOrigin + performance.now()) % 2 ** 31);
  const random = seeded(seed);
  const server = await RedisServer.start();
  const caches: CacheManager[] = [];
  for (let process = 0; process < 3; process += 1) {
    const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
    afterThisTest(async () => void (await manager.close({ drain: 100 })));
    caches.push(new CacheManager(manager, '1m', { defaults: { grace: '1m' } }));
  }
  const database = new Database();
  const violations: string[] = [];

  async function round(number: number): Promise<void> {
    const key = `k${Math.floor(random() * KEYS)}-${number}`;
    const tag = `t${number}`;
    // each round has a namespace of its own, so that clearing it ends nothing of the others
    const views = caches.map((cache) => cache.namespace(`n${number}`));
    const some = (): CacheManager => views[Math.floor(random() * views.length)] as CacheManager;
    const isLate = random() < 0.3;
    const options = isLate ? {} : { tags: [tag] };
    const load = async ({ options: say }: LoadContext): Promise<number> => {
      const version = database.read(key);
      if (random() < 0.7) await new Promise((resolve) => setTimeout(resolve, random() * 4));
      if (isLate) say({ tags: [tag] });
      return version;
    };
    const getOrSet = (cache: CacheManager): Promise<number> => cache.getOrSet(key, load, options);
    await getOrSet(some());
    if (random() < 0.3) await some().markStale(key);
    const before = Array.from({ length: 1 + Math.floor(random() * 4) }, () => getOrSet(some()));
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 3));
    const version = database.write(key);
    await invalidate(some(), { key, tag, full: `ru:cache:@n${number}:{${key}}`, version });
    // what Redis loses of its own accord makes nothing valid
    if (random() < 0.1)
      await server.command(['DEL', `ru:cache:@n${number}:${random() < 0.5 ? 'epoch' : `tag:{${tag}}`}`]);
    const after = await Promise.all([...views.map((cache) => cache.get<number>(key)), ...views.map(getOrSet)]);
    await Promise.all(before);
    const late = await Promise.all(views.map((cache) => cache.get<number>(key)));
    for (const seen of [...after, ...late]) {
      if (seen !== undefined && seen < version) violations.push(`round ${number}: ${seen} after ${version}`);
    }
  }

  async function invalidate(cache: CacheManager, about: Written): Promise<void> {
    const how = Math.floor(random() * 5);
    if (how === 0) await cache.delete(about.key);
    else if (how === 1) await server.command(['DEL', about.full]);
    else if (how === 2) await cache.set(about.key, about.version, { tags: [about.tag] });
    else if (how === 3) await cache.invalidateTags(about.tag, { mode: 'drop' });
    else await cache.clear();
  }

  for (let number = 0; number < ROUNDS; number += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, index) => round(number + index)));
  }
  expect(violations, `seed ${seed}`).toEqual([]);
});

test.each(['tracking', 'pubsub'] as const)(
  'with near caches whose feeds are cut at random, too, and nobody serves it later than is promised: %s',
  { timeout: 600_000 },
  async (coherence) => {
    const seed = Number(process.env['FC_SEED'] ?? Math.trunc(performance.timeOrigin + performance.now()) % 2 ** 31);
    const random = seeded(seed);
    const server = await RedisServer.start();
    const staleMs = 400;
    const caches: CacheManager[] = [];
    for (let process = 0; process < 3; process += 1) {
      const manager = await RedisManager.connect({ url: server.url, prefix: 'ru' });
      afterThisTest(async () => void (await manager.close({ drain: 100 })));
      caches.push(new CacheManager(manager, '1m', { near: { maxStaleness: staleMs, coherence } }));
    }
    const database = new Database();
    const violations: string[] = [];
    let nearHits = 0;

    async function round(number: number): Promise<void> {
      const key = `k${number}`;
      const tag = `t${number}`;
      const views = caches.map((cache) => cache.namespace(`n${number}`));
      const some = (): CacheManager => views[Math.floor(random() * views.length)] as CacheManager;
      const load = async (): Promise<number> => {
        const version = database.read(key);
        if (random() < 0.7) await new Promise((resolve) => setTimeout(resolve, random() * 4));
        return version;
      };
      const read = (cache: CacheManager): Promise<number | undefined> =>
        random() < 0.5 ? cache.get<number>(key) : cache.getOrSet(key, load, { tags: [tag] });
      for (const cache of views) await cache.getOrSet(key, load, { tags: [tag] });
      const before = Array.from({ length: 2 + Math.floor(random() * 6) }, () => read(some()));
      if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 3));
      const version = database.write(key);
      const writer = some();
      const how = Math.floor(random() * 5);
      // what others than the processes themselves do is told by tracking only
      if (how === 0 || (how === 1 && coherence === 'pubsub')) await writer.delete(key);
      else if (how === 1) await server.command(['DEL', `ru:cache:@n${number}:{${key}}`]);
      else if (how === 2) await writer.set(key, version, { tags: [tag] });
      else if (how === 3) await writer.invalidateTags(tag, { mode: 'drop' });
      else await writer.clear();
      const atMs = performance.now();
      const check = (who: CacheManager, seen: number | undefined, sentMs: number): void => {
        if (seen === undefined || seen >= version) return;
        // the one who has invalidated is never given it again; others not later than they were promised
        if (how !== 1 && who === writer) violations.push(`round ${number}: ${seen} after its own ${version} (${how})`);
        else if (sentMs - atMs > staleMs)
          violations.push(`round ${number}: ${seen}, ${sentMs - atMs} ms after ${version} (${how})`);
      };
      for (let times = 0; times < 6; times += 1) {
        const sentMs = performance.now();
        await Promise.all(views.map(async (view) => check(view, await read(view), sentMs)));
        await new Promise((resolve) => setTimeout(resolve, random() * 150));
      }
      await Promise.all(before);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs + staleMs + 1 - performance.now())));
      for (const view of views) check(view, await read(view), performance.now());
      nearHits += views.reduce((sum, view) => sum + view.stats().nearHits, 0);
    }

    async function cutFeeds(): Promise<void> {
      const clients = String(await server.command(['CLIENT', 'LIST'])).split('\n');
      for (const client of clients) {
        const isFeed = /\bflags=\w*[tBP]/.test(client);
        if (isFeed && random() < 0.5)
          await server.command(['CLIENT', 'KILL', 'ID', /\bid=(\d+)/.exec(client)?.[1] ?? '0']);
      }
    }

    let isOver = false;
    const cutting = (async () => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 100 + random() * 400));
        await cutFeeds();
      }
    })();
    for (let number = 0; number < ROUNDS; number += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => round(number + index)));
    }
    isOver = true;
    await cutting;
    expect(violations, `seed ${seed}`).toEqual([]);
    expect(nearHits).toBeGreaterThan(ROUNDS);
    for (const cache of caches) expect(cache.namespace('n1').stats().near?.blindMs).toBeGreaterThan(0);
  },
);
