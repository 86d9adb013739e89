import { jitteredDelay } from '../../../core/backoff.js';
import type { Timer } from '../../../core/clock.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Credentials } from '../../config/redis-options.js';
import { request } from '../../request.js';
import type { Settings } from '../../config/settings.js';
import type { WireConnection } from './connection.js';
import { askCredentials } from './greeting.js';

/** Refreshed when between 70 and 80 % of their life is over, so that many connections do not ask at once. */
const AFTER = { least: 0.7, spread: 0.1 };
const RETRY = { baseMs: 100, maxMs: 10_000 };

export interface RefreshPorts extends Runtime {
  readonly settings: Settings;
  /** Where a failed refresh goes: the connection goes on with what it has, and the next attempt follows. */
  readonly report: (error: unknown) => void;
}

/** Keeps the credentials of one connection valid: new ones are asked for before the old end, and used in place. */
export class CredentialRefresh {
  readonly #connection: WireConnection;
  readonly #ports: RefreshPorts;
  #timer: Timer | undefined;

  constructor(connection: WireConnection, ports: RefreshPorts) {
    this.#connection = connection;
    this.#ports = ports;
    connection.whenEnded(() => this.#timer?.cancel());
  }

  /** Plans the refresh of credentials that are in use from now on; without an end there is nothing to do. */
  plan({ expiresAt }: Credentials): void {
    if (expiresAt === undefined) return;
    const lifeMs = Math.max(0, expiresAt - this.#ports.clock.wallMs());
    this.#wait(lifeMs * (AFTER.least + AFTER.spread * this.#ports.random.uniform()), 0);
  }

  #wait(delayMs: number, attempt: number): void {
    if (!this.#connection.alive) return;
    this.#timer = this.#ports.clock.backgroundTimer(delayMs, () => void this.#refresh(attempt));
  }

  async #refresh(attempt: number): Promise<void> {
    try {
      const fresh = await askCredentials(this.#ports.settings, 'refresh');
      if (fresh === undefined) return;
      if (this.#connection.inMulti) return this.#wait(RETRY.baseMs, attempt);
      await request(this.#connection, ['AUTH', fresh.username ?? 'default', fresh.password]);
      this.plan(fresh);
    } catch (error) {
      if (!this.#connection.alive) return;
      this.#ports.report(error);
      this.#wait(jitteredDelay(attempt, RETRY, this.#ports.random), attempt + 1);
    }
  }
}
