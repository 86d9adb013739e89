/** Redis as the second level; with `near` a memory level before it and the Redis bus between processes. */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Cluster, Redis } from 'ioredis';

export const packages = ['bentocache', 'ioredis'];
export const features = ['near', 'nearMax', 'grace', 'background', 'loadTags', 'cluster'];

export async function open({ url, nodes, ttlMs, graceMs = 0, near = false, nearMax = 10_000, name = 'races' }) {
  const connection = nodes === undefined ? new Redis(url) : new Cluster(nodes);
  connection.on('error', () => {});
  const { hostname: host, port } = nodes === undefined ? new URL(url) : {};
  let store = bentostore();
  if (near) store = store.useL1Layer(memoryDriver({ maxItems: nearMax }));
  store = store.useL2Layer(redisDriver({ connection }));
  if (near) store = store.useBus(redisBusDriver({ connection: { host, port: Number(port) } }));
  const bento = new BentoCache({
    default: 'main',
    prefix: name,
    ttl: ttlMs,
    stores: { main: store },
    // its grace counts from the writing
    ...(graceMs > 0 && { grace: ttlMs + graceMs }),
  });
  return {
    get: (key) => bento.get({ key }),
    set: (key, value, options) => bento.set({ key, value, ...options }),
    delete: (key) => bento.delete({ key }),
    getOrSet: (key, factory, options) => bento.getOrSet({ key, factory, ...options }),
    invalidateTags: (tags) => bento.deleteByTag({ tags }),
    clear: () => bento.clear(),
    take: (key) => bento.pull(key),
    async close() {
      await bento.disconnectAll();
      connection.disconnect();
    },
  };
}
