import type { Clock } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import type { RedisConfig } from '../config.js';
import type { Driver } from '../driver.js';

/** The driver for a configuration. Each is loaded only when it is asked for. */
export async function openDriver(
  config: RedisConfig,
  ports: { readonly clock: Clock; readonly random: Random },
): Promise<Driver> {
  const settings = config.settings();
  if (settings.target.kind === 'memory') {
    const { EmbeddedDriver, EmbeddedRedis } = await import('../../embedded/index.js');
    return new EmbeddedDriver(EmbeddedRedis.named(settings.target.name), { database: settings.db });
  }
  const { StandaloneDriver } = await import('./node-redis/standalone.js');
  return new StandaloneDriver(settings, ports);
}
