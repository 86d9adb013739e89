/** Memory, Redis as the second level, and its sync over Redis pub/sub. It always has both levels. */
import { RedisMessageProvider } from '@qified/redis';
import { Cacheable, createKeyv } from 'cacheable';

import { keyvStore } from './keyv-store.mjs';

export const packages = ['cacheable', '@keyv/redis', '@qified/redis'];
export const features = ['near', 'nearMax', 'cluster'];

export async function open({ url, ttlMs, nearMax = 10_000, tags = false, ...where }) {
  const listeners = [];
  const tell = (error) => listeners.forEach((listener) => listener(error));
  const secondary = keyvStore({ url, ...where });
  secondary.on('error', tell);
  // in the cluster its channel is not what is looked at
  const provider = where.nodes === undefined ? new RedisMessageProvider({ uri: url }) : undefined;
  // not documented, but without it a lost connection of the channel ends the process
  for (const client of [provider?.pub, provider?.sub]) client?.on('error', tell);
  const cache = new Cacheable({
    primary: createKeyv({ lruSize: nearMax }),
    secondary,
    ttl: ttlMs,
    namespace: where.name ?? 'races',
    tags,
    ...(provider && { sync: { qified: provider } }),
  });
  cache.on('error', tell);
  return {
    get: (key) => cache.get(key),
    set: (key, value, options) => cache.set(key, value, options),
    delete: (key) => cache.delete(key),
    // without `throwErrors` the failure of a loader is `undefined`
    getOrSet: (key, loader) => cache.getOrSet(key, loader, { throwErrors: 'function' }),
    getMany: (keys) => cache.getMany(keys),
    take: (key) => cache.take(key),
    wrap: (keyPrefix, fn) => cache.wrap(fn, { keyPrefix }),
    invalidateTags: (names) => cache.tags.invalidateTags(names),
    clear: () => cache.clear(),
    onError: (listener) => listeners.push(listener),
    async close() {
      await provider?.disconnect();
      await cache.disconnect();
    },
  };
}
