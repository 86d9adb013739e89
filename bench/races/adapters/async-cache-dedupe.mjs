/** A function that is given the key and the loader, kept in Redis, with references as tags. Its times are whole seconds. */
import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';

export const packages = ['async-cache-dedupe', 'ioredis'];
export const features = ['grace', 'background', 'loadTags'];

export async function open({ url, ttlMs, graceMs = 0, name = 'races' }) {
  const client = new Redis(url);
  client.on('error', () => {});
  const listeners = [];
  const tell = (error) => listeners.forEach((listener) => listener(error));
  const ttl = Math.ceil(ttlMs / 1000);
  const stale = Math.ceil(graceMs / 1000);
  const cache = createCache({
    ttl,
    stale,
    onError: tell,
    storage: {
      type: 'redis',
      options: {
        client,
        // as advised: the longest of all lifetimes
        invalidation: { referencesTTL: ttl + stale },
        log: { debug() {}, warn() {}, error: ({ err }) => tell(err) },
      },
    },
  });
  cache.define(name, { serialize: ({ key }) => key, references: ({ tags }) => tags }, ({ load }) => load());
  return {
    get: (key) => cache.get(name, `${name}~${key}`),
    set: (key, value, { tags } = {}) => cache.set(name, `${name}~${key}`, value, ttl, tags),
    delete: (key) => cache.clear(name, { key }),
    getOrSet: (key, load, { tags } = {}) => cache[name]({ key, load, tags }),
    invalidateTags: (tags) => cache.invalidateAll(tags),
    clear: () => cache.clear(name),
    wrap: (fnName, fn) => cache.define(fnName, fn)[fnName],
    onError: (listener) => listeners.push(listener),
    close: () => client.disconnect(),
  };
}
