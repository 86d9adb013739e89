import { expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
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
  const some = (): CacheManager => caches[Math.floor(random() * caches.length)] as CacheManager;
  const database = new Database();
  const load = (key: string) => async (): Promise<number> => {
    const version = database.read(key);
    if (random() < 0.7) await new Promise((resolve) => setTimeout(resolve, random() * 4));
    return version;
  };
  const violations: string[] = [];

  async function round(number: number): Promise<void> {
    const key = `k${Math.floor(random() * KEYS)}-${number}`;
    await some().getOrSet(key, load(key));
    if (random() < 0.3) await some().markStale(key);
    const before = Array.from({ length: 1 + Math.floor(random() * 4) }, () => some().getOrSet(key, load(key)));
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 3));
    const version = database.write(key);
    const how = Math.floor(random() * 3);
    if (how === 0) await some().delete(key);
    else if (how === 1) await server.command(['DEL', `ru:cache:{${key}}`]);
    else await some().set(key, version);
    const after = await Promise.all([
      ...caches.map((cache) => cache.get<number>(key)),
      ...caches.map((cache) => cache.getOrSet(key, load(key))),
    ]);
    await Promise.all(before);
    const late = await Promise.all(caches.map((cache) => cache.get<number>(key)));
    for (const seen of [...after, ...late]) {
      if (seen !== undefined && seen < version) violations.push(`round ${number}: ${seen} after ${version}`);
    }
  }

  for (let number = 0; number < ROUNDS; number += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, index) => round(number + index)));
  }
  expect(violations, `seed ${seed}`).toEqual([]);
});
