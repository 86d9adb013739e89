/** Its cache is whatever one gives it: here Redis, with the lifetime that it says. */
import { cachified, createCacheEntry, isExpired, totalTtl } from '@epic-web/cachified';
import { Redis } from 'ioredis';

export const packages = ['@epic-web/cachified', 'ioredis'];
export const features = ['grace', 'background'];

export async function open({ url, ttlMs, graceMs = 0, name = 'races' }) {
  const client = new Redis(url);
  client.on('error', () => {});
  const cache = {
    name,
    async get(key) {
      const text = await client.get(`${name}:${key}`);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, entry) => client.set(`${name}:${key}`, JSON.stringify(entry), 'PX', totalTtl(entry.metadata)),
    delete: (key) => client.del(`${name}:${key}`),
  };
  const life = { ttl: ttlMs, swr: graceMs };
  return {
    async get(key) {
      const entry = await cache.get(key);
      return entry === undefined || isExpired(entry.metadata) !== false ? undefined : entry.value;
    },
    set: (key, value) => cache.set(key, createCacheEntry(value, life)),
    delete: (key) => cache.delete(key),
    getOrSet: (key, getFreshValue) => cachified({ key, cache, ...life, getFreshValue }),
    close: () => client.disconnect(),
  };
}
