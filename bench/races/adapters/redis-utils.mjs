/** This library, as built. What it does not have yet is left out, and is offered as soon as it has it. */

const load = (module) => import(new URL(`../../../dist/${module}/index.js`, import.meta.url));
const { RedisManager } = await load('client');
const { CacheManager } = await load('cache');
const { generateKey, Keyring } = await load('codec');

const has = (method) => typeof CacheManager.prototype[method] === 'function';

/** An option that is not known is refused when the cache is made. */
async function takesNear() {
  const manager = await RedisManager.connect('memory://races');
  try {
    await new CacheManager(manager, '1m', { near: {} }).close();
    return true;
  } catch {
    return false;
  } finally {
    await manager.close();
  }
}

export const packages = [];
export const features = ['grace', 'background', 'cluster', 'encryption'];
if (has('invalidateTags')) features.push('loadTags');
if (await takesNear()) features.push('near');

export async function open({ url, ttlMs, graceMs = 0, near = false, name = 'races', encrypted = false }) {
  const manager = await RedisManager.connect(url);
  const codec = encrypted ? { encryption: Keyring.of({ active: 'k1', keys: { k1: generateKey() } }) } : undefined;
  const cache = new CacheManager(manager, ttlMs, {
    prefix: name,
    ...(codec && { codec }),
    ...(near && { near: {} }),
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
    ...(has('invalidateTags') && { invalidateTags: (tags) => cache.invalidateTags(tags, { mode: 'drop' }) }),
    ...(has('clear') && { clear: () => cache.clear() }),
    onError: (listener) => cache.on('error', listener),
    async close() {
      await cache.close();
      await manager.close();
    },
  };
}
