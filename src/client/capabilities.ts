import { ConfigError } from '../core/errors.js';
import type { Driver } from './driver.js';

/** What the client under a manager allows to promise. Everything is true unless another package's client was wrapped. */
export interface Capabilities {
  /**
   * A command is sent at most once. False: the client sends again, after a lost connection, what may have run; then
   * whatever could do harm by running twice refuses the manager, with the setting that cures it.
   */
  readonly atMostOnce: boolean;
  /** Replies have the shapes of RESP3. False: those of RESP2, where maps are flat arrays and doubles are strings. */
  readonly resp3: boolean;
  /**
   * A connection that is up and silent is replaced (`unresponsiveAfter`, `heartbeat`). False: until the client notices
   * by its own means, if it has any, commands on it end by their deadlines.
   */
  readonly watchdog: boolean;
}

const EVERYTHING: Capabilities = Object.freeze({ atMostOnce: true, resp3: true, watchdog: true });

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
