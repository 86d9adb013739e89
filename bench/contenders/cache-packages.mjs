/** Cache packages with Redis as their only layer: what is compared is the way to Redis, not a map in the process. */

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
    async close() {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}

export const keyv = { name: 'keyv + @keyv/redis', role: 'package', features: { cache: keyvCache } };
export const bentocache = { name: 'bentocache', role: 'package', features: { cache: bentoCache } };
