import { systemClock } from '../../core/clock.js';
import type { Runtime } from '../../core/runtime.js';
import type { RedisConfig } from '../config/config.js';
import type { Driver } from '../driver.js';

/** The driver for a configuration. Each is loaded only when it is asked for. */
export async function openDriver(config: RedisConfig, ports: Runtime): Promise<Driver> {
  const settings = config.settings();
  if (settings.target.kind === 'memory') {
    const { EmbeddedDriver, EmbeddedRedis } = await import('../../embedded/index.js');
    // an engine that was made before keeps its clock, unless this manager asks for another one: that is refused
    const options = ports.clock === systemClock ? {} : { clock: ports.clock };
    return new EmbeddedDriver(EmbeddedRedis.named(settings.target.name, options), { database: settings.db });
  }
  if (settings.target.kind === 'cluster') {
    const { ClusterDriver } = await import('./cluster/cluster.js');
    return new ClusterDriver(settings, settings.target.seeds, ports);
  }
  const { target } = settings;
  if (target.kind === 'sentinel') {
    const { SentinelDriver } = await import('./sentinel/sentinel.js');
    return new SentinelDriver({ ...settings, target }, ports);
  }
  const { StandaloneDriver } = await import('./standalone.js');
  return new StandaloneDriver(settings, ports);
}
