/** Redis; with `near` a memory store before it, as in its quick start. It has nothing that tells other processes. */
import { createCache } from 'cache-manager';
import { createKeyv } from 'cacheable';

import { keyvStore } from './keyv-store.mjs';

export const packages = ['cache-manager', '@keyv/redis'];
export const features = ['near', 'nearMax', 'background', 'cluster'];

export async function open({ ttlMs, graceMs = 0, near = false, nearMax = 10_000, ...where }) {
  const listeners = [];
  const redis = keyvStore(where);
  redis.on('error', (error) => listeners.forEach((listener) => listener(error)));
  const memory = createKeyv({ ttl: ttlMs, lruSize: nearMax });
  const cache = createCache({
    stores: near ? [memory, redis] : [redis],
    // what it has of the kind: reloading in the background before the end
    ttl: ttlMs + graceMs,
    ...(graceMs > 0 && { refreshThreshold: graceMs }),
  });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.del(key),
    getOrSet: (key, loader) => cache.wrap(key, loader),
    getMany: (keys) => cache.mget(keys),
    clear: () => cache.clear(),
    onError: (listener) => listeners.push(listener),
    close: () => cache.disconnect(),
  };
}
