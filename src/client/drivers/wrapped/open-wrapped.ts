import { checkKnown } from '../../../core/check.js';
import { ConfigError } from '../../../core/errors.js';
import type { Runtime } from '../../../core/runtime.js';
import { OPTION_NAMES } from '../../config/field.js';
import { RedisConfig } from '../../config/config.js';
import { WRAP_OPTIONS, type WrapOptions } from '../../wrap-options.js';
import { adapt } from './adapt.js';
import type { ClientAdapter } from './adapter.js';
import { WrappedDriver } from './driver.js';

/** The configuration and the driver for a client of another package. @throws ConfigError */
export async function openWrapped(
  client: unknown,
  options: WrapOptions,
  runtime: Runtime,
): Promise<{ config: RedisConfig; driver: WrappedDriver }> {
  const adapter = await adapt(client);
  checkOptions(options, adapter);
  const retry = adapter.atMostOnceSetting === undefined ? {} : { retry: false as const };
  const config = RedisConfig.from({ ...options, ...retry, ...adapter.place });
  return { config, driver: new WrappedDriver(adapter, config.settings(), runtime) };
}

function checkOptions(options: WrapOptions, { atMostOnceSetting }: ClientAdapter): void {
  for (const name of Object.keys(options ?? {})) {
    if ((WRAP_OPTIONS as readonly string[]).includes(name) || !OPTION_NAMES.includes(name)) continue;
    refuse(name, 'unset, because the client decides that by its own options');
  }
  checkKnown('wrap', options, WRAP_OPTIONS);
  if (atMostOnceSetting === undefined || options.retry === undefined || options.retry === false) return;
  refuse('retry', `false, because the client sends commands again by itself (unless \`${atMostOnceSetting}\`)`);
}

function refuse(name: string, expected: string): never {
  throw new ConfigError([{ option: `wrap.${name}`, expected, received: 'a value' }]);
}
