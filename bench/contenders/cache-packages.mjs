/**
 * Cache packages: with Redis as their only layer, where the way to Redis is compared, and with a level in the process before
 * it, as they advise for several processes.
 */

async function keyvCache({ socketPath }) {
  const { Keyv } = await import('keyv');
  const { default: KeyvRedis, createClient } = await import('@keyv/redis');
  const adapter = new KeyvRedis(createClient({ socket: { path: socketPath } }));
  const keyv = new Keyv(adapter, { ttl: 60_000, useKeyPrefix: false });
  keyv.on('error', (error) => {
    throw error;
  });
  return {
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    close: () => keyv.disconnect(),
  };
}

async function bentoCache({ socketPath }) {
  const { BentoCache, bentostore } = await import('bentocache');
  const { redisDriver } = await import('bentocache/drivers/redis');
  const { Redis } = await import('ioredis');
  const connection = new Redis({ path: socketPath, enableAutoPipelining: true });
  const bento = new BentoCache({
    default: 'redis',
    ttl: '60s',
    stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
  });
  return {
    get: (key) => bento.get({ key }),
    set: (key, value) => bento.set({ key, value }),
    getOrSet: (key, factory) => bento.getOrSet({ key, factory }),
    async close() {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}

async function bentoTiers({ socketPath }) {
  const { BentoCache, bentostore } = await import('bentocache');
  const { memoryDriver } = await import('bentocache/drivers/memory');
  const { redisBusDriver, redisDriver } = await import('bentocache/drivers/redis');
  const { Redis } = await import('ioredis');
  const connection = new Redis({ path: socketPath, enableAutoPipelining: true });
  const bento = new BentoCache({
    default: 'tiers',
    ttl: '10m',
    stores: {
      tiers: bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection: { path: socketPath } })),
    },
  });
  return {
    get: (key) => bento.get({ key }),
    set: (key, value) => bento.set({ key, value }),
    async close() {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}

async function cacheableTiers({ socketPath }) {
  const { Cacheable, createKeyv } = await import('cacheable');
  const { default: KeyvRedis, createClient } = await import('@keyv/redis');
  const { Keyv } = await import('keyv');
  const secondary = new Keyv(new KeyvRedis(createClient({ socket: { path: socketPath } })), { useKeyPrefix: false });
  const cache = new Cacheable({ primary: createKeyv({ lruSize: 10_000 }), secondary, ttl: '10m' });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}

async function cacheManagerTiers({ socketPath }) {
  const { createCache } = await import('cache-manager');
  const { createKeyv } = await import('cacheable');
  const { default: KeyvRedis, createClient } = await import('@keyv/redis');
  const { Keyv } = await import('keyv');
  const secondary = new Keyv(new KeyvRedis(createClient({ socket: { path: socketPath } })), { useKeyPrefix: false });
  const cache = createCache({ stores: [createKeyv({ lruSize: 10_000 }), secondary], ttl: 600_000 });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}

async function lruAlone() {
  const { LRUCache } = await import('lru-cache');
  const lru = new LRUCache({ max: 10_000 });
  return {
    get: async (key) => lru.get(key),
    set: async (key, value) => void lru.set(key, value),
    close: async () => {},
  };
}

export const keyv = { name: 'keyv + @keyv/redis', role: 'package', features: { cache: keyvCache } };
export const bentocache = {
  name: 'bentocache',
  role: 'package',
  features: { cache: bentoCache, load: bentoCache, near: bentoTiers },
};
export const cacheable = { name: 'cacheable', role: 'package', features: { near: cacheableTiers } };
export const cacheManager = { name: 'cache-manager', role: 'package', features: { near: cacheManagerTiers } };
export const lruCache = { name: 'lru-cache behind an await', role: 'reference', features: { near: lruAlone } };
