/** Redis and nothing else: it has no loads, no tags and no levels. */
import { keyvStore } from './keyv-store.mjs';

export const packages = ['keyv', '@keyv/redis'];
export const features = ['cluster'];

export async function open({ ttlMs, ...where }) {
  const keyv = keyvStore(where, { ttl: ttlMs });
  const listeners = [];
  keyv.on('error', (error) => listeners.forEach((listener) => listener(error)));
  return {
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    delete: (key) => keyv.delete(key),
    clear: () => keyv.clear(),
    getMany: (keys) => keyv.getMany(keys),
    onError: (listener) => listeners.push(listener),
    close: () => keyv.disconnect(),
  };
}
