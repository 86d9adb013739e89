import { toMs } from '../core/duration.js';
import type { Clock } from '../core/clock.js';
import type { RedisConfig } from './config.js';
import type { Driver } from './driver.js';
import { Lease, type LeaseOptions } from './lease.js';
import { Pool, type PoolStats } from './pool.js';

/** Lends dedicated connections from one pool. */
export class Leases {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #commandTimeoutMs: number;

  constructor(driver: Driver, config: RedisConfig, clock: Clock) {
    this.#clock = clock;
    this.#commandTimeoutMs = config.commandTimeoutMs;
    const open: Driver['open'] = (signal) => driver.open(signal);
    this.#pool = new Pool(config.settings().pool, { endpoint: config.endpoint, clock, open });
  }

  async lend({ timeout, signal }: LeaseOptions): Promise<Lease> {
    const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'lease.timeout');
    const connection = await this.#pool.take(timeoutMs, signal);
    return new Lease(connection, { pool: this.#pool, clock: this.#clock, commandTimeoutMs: this.#commandTimeoutMs });
  }

  stats(): PoolStats {
    return this.#pool.stats();
  }

  /** Ends every connection; returns how many were lent. */
  close(): number {
    return this.#pool.close();
  }
}
