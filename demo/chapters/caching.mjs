// @ts-check
import { CacheManager, createCodec, generateKey, Keyring } from 'redis-utils';

import { show } from '../screen.mjs';

/** @param {import('redis-utils').RedisManager} manager */
export async function caching(manager) {
  const cache = new CacheManager(manager, '5m');
  await cache.set('user:1', { name: 'Ada', since: new Date('1843-09-01T00:00:00Z') }, '60s');
  show('set and get: dates stay dates', await cache.get('user:1'));
  show('a miss is undefined, null is a value', String(await cache.get('user:2')));

  let loads = 0;
  const load = async () => ({ visits: (loads += 1) });
  const values = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('report', load)));
  show(
    '50 callers of getOrSet at once: loads',
    `${loads}, values ${new Set(values.map((value) => value.visits)).size}`,
  );

  show('increment, atomically', [await cache.increment('hits'), await cache.increment('hits', 9)]);
  show('setIfAbsent: only the first wins', [
    await cache.setIfAbsent('once', 'a'),
    await cache.setIfAbsent('once', 'b'),
  ]);

  const keyring = Keyring.of({ active: 'k1', keys: { k1: generateKey() } });
  const codec = createCodec({ encryption: keyring, compression: { threshold: 100 } });
  const context = /** @type {const} */ ({ domain: 'value', key: 'card' });
  const sealed = codec.encode({ number: '4111 1111 1111 1111', note: 'x'.repeat(1000) }, context);
  show('compressed and encrypted: 1 kB becomes', `${sealed.length} bytes that only this key at this place opens`);
  try {
    codec.decode(sealed, { ...context, key: 'another card' });
  } catch (error) {
    show('the same bytes moved to another key', /** @type {Error} */ (error).name);
  }
}
