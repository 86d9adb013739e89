import { ConfigError } from '../core/errors.js';
import type { Capabilities, Driver } from './driver.js';

const EVERYTHING: Capabilities = Object.freeze({ atMostOnce: true, resp3: true, watchdog: true, invalidations: true });

export function capabilitiesOf(driver: Driver): Capabilities {
  return driver.capabilities ?? EVERYTHING;
}

/** @throws ConfigError when the client might run a command of `what` twice */
export function requireAtMostOnce(driver: Driver, what: string): void {
  if (capabilitiesOf(driver).atMostOnce) return;
  const setting = driver.atMostOnceSetting ?? 'a client that sends nothing twice';
  throw new ConfigError([
    {
      option: 'manager',
      expected: `one whose client sends nothing twice, which ${what} relies on – wrap a client with \`${setting}\`, such as client.duplicate({ ${setting} })`,
      received: 'one whose client sends again what may have run',
    },
  ]);
}
