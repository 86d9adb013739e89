import { systemClock } from '../../core/clock.js';
import { ConfigError, type ConfigIssue } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { RedisConfig } from '../config.js';
import type { Driver } from '../driver.js';
import type { Settings } from '../settings.js';

/** The driver for a configuration. Each is loaded only when it is asked for. */
export async function openDriver(config: RedisConfig, ports: Runtime): Promise<Driver> {
  const settings = config.settings();
  if (settings.target.kind === 'memory') {
    const { EmbeddedDriver, EmbeddedRedis } = await import('../../embedded/index.js');
    // an engine that was made before keeps its clock, unless this manager asks for another one: that is refused
    const options = ports.clock === systemClock ? {} : { clock: ports.clock };
    return new EmbeddedDriver(EmbeddedRedis.named(settings.target.name, options), { database: settings.db });
  }
  refuseUnserved(settings);
  const { StandaloneDriver } = await import('./standalone.js');
  return new StandaloneDriver(settings, ports);
}

/** What is configured and cannot be done is an error: a pin that nobody enforces would be worse than none. */
function refuseUnserved({ target, tls, credentials }: Settings): void {
  const issues: ConfigIssue[] = [];
  const refuse = (option: string): void =>
    void issues.push({ option, expected: 'unset (no driver serves it yet)', received: 'a value' });
  if (target.kind === 'cluster' || target.kind === 'sentinel') refuse(target.kind);
  if (credentials !== undefined) refuse('credentials');
  for (const name of ['caFile', 'certFile', 'keyFile'] as const) if (tls?.[name] !== undefined) refuse(`tls.${name}`);
  if (tls !== undefined && tls.pins.length > 0) refuse('tls.pin');
  if (tls?.dangerouslySkipVerification === true) refuse('tls.dangerouslySkipVerification');
  if (issues.length > 0) throw new ConfigError(issues);
}
