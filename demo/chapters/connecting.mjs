// @ts-check
import { RedisConfig } from 'redis-utils';

import { show } from '../screen.mjs';

/** @param {import('redis-utils').RedisManager} manager */
export async function connecting(manager) {
  const { server } = await manager.health();
  show('health(): who answers', `${server?.name} ${server?.version}`);

  const results = await manager.pipeline([['PING'], ['ECHO', 'one write, two commands']]);
  show(
    'pipeline(): each command its own result',
    results.map((result) => (result.ok ? result.value : result.error.message)),
  );

  const lease = await manager.lease();
  const popped = lease.command(['BLPOP', `${manager.config.prefix}:queue`, 5]);
  await manager.command(['RPUSH', `${manager.config.prefix}:queue`, 'job 1']);
  show('lease(): a blocking command on its own connection', await popped);
  lease.release();

  const config = RedisConfig.fromUrl('rediss://app:secret@cache.internal/2');
  show('a configuration never shows its password', String(config));
  try {
    RedisConfig.from(/** @type {any} */ ({ hots: 'cache.internal', port: 0 }));
  } catch (error) {
    for (const { option, expected } of /** @type {import('redis-utils').ConfigError} */ (error).issues) {
      show(`all problems at once: ${option}`, expected);
    }
  }
}
