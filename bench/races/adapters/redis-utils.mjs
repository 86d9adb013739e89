/** This library, as built. */

const load = (module) => import(new URL(`../../../dist/${module}/index.js`, import.meta.url));
const { RedisManager } = await load('client');
const { CacheManager } = await load('cache');
const { generateKey, Keyring } = await load('codec');

export const packages = [];
export const features = ['near', 'nearMax', 'grace', 'background', 'loadTags', 'cluster', 'encryption', 'quarantine'];

export async function open({
  url,
  ttlMs,
  graceMs = 0,
  near = false,
  nearMax = 10_000,
  name = 'races',
  encrypted = false,
  quarantineMs,
}) {
  const manager = await RedisManager.connect(url);
  const codec = encrypted ? { encryption: Keyring.of({ active: 'k1', keys: { k1: generateKey() } }) } : undefined;
  const cache = new CacheManager(manager, ttlMs, {
    prefix: name,
    ...(codec && { codec }),
    ...(quarantineMs !== undefined && { quarantine: quarantineMs }),
    ...(near && { near: { maxEntries: nearMax } }),
    ...(graceMs > 0 && { defaults: { grace: graceMs } }),
  });
  return {
    get: (key) => cache.get(key),
    set: (key, value, options) => cache.set(key, value, options),
    delete: (key) => cache.delete(key),
    getOrSet: (key, loader, options) => cache.getOrSet(key, loader, options),
    getMany: async (keys) => {
      const found = await cache.getMany(keys);
      return keys.map((key) => found.get(key));
    },
    take: (key) => cache.getAndDelete(key),
    wrap: (fnName, fn) => cache.wrap(fn, { name: fnName }),
    invalidateTags: (tags) => cache.invalidateTags(tags, { mode: 'drop' }),
    clear: () => cache.clear(),
    onError: (listener) => cache.on('error', listener),
    async close() {
      await cache.close();
      await manager.close();
    },
  };
}
