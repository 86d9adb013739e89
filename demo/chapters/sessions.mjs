// @ts-check
import { CacheManager, generateKey, Keyring, SessionManager } from 'redis-utils';

import { show } from '../screen.mjs';

/** @param {import('redis-utils').RedisManager} manager */
export async function sessions(manager) {
  const encryption = Keyring.of({ active: 'k1', keys: { k1: generateKey() } });
  const manage = new SessionManager(new CacheManager(manager, '5m', { codec: { encryption } }));

  const id = await manage.createSession(
    { name: 'Ada', cart: ['tea'] },
    { idle: '30m', absolute: '12h' },
    { userId: 'u1' },
  );
  show('createSession: a random id, stored only as a hash', `${id.slice(0, 8)}… (${id.length} characters)`);
  show('getSession', await manage.getSession(id));

  await Promise.all([
    manage.updateSession(id, { name: 'Ada L.' }),
    manage.updateSession(id, { cart: ['tea', 'milk'] }),
  ]);
  show('two updates at once: both survive', await manage.getSession(id));
  show('extendSession', await manage.extendSession(id, '1h'));

  const [, update] = await Promise.all([manage.destroySession(id), manage.updateSession(id, { cart: [] })]);
  show('destroyed during an update: the session stays dead', String(await manage.getSession(id)));
  void update;
}
