import { toMs } from '../core/duration.js';
import type { Clock } from '../core/clock.js';
import { ClosedError } from '../core/errors.js';
import type { RedisConfig } from './config.js';
import type { Driver } from './driver.js';
import { Lease, type LeaseOptions } from './lease.js';
import { Pool, type PoolStats } from './pool.js';

/** Lends dedicated connections from one pool per node. */
export class Leases {
  readonly #driver: Driver;
  readonly #config: RedisConfig;
  readonly #clock: Clock;
  readonly #pools = new Map<string, Pool>();
  #closed = false;

  constructor(driver: Driver, config: RedisConfig, clock: Clock) {
    this.#driver = driver;
    this.#config = config;
    this.#clock = clock;
  }

  async lend({ timeout, signal, key }: LeaseOptions): Promise<Lease> {
    const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'lease.timeout');
    if (this.#closed) throw new ClosedError('The pool', this.#config.endpoint);
    const pool = this.#poolFor(key);
    const connection = await pool.take(timeoutMs, signal);
    return new Lease(connection, { pool, clock: this.#clock, commandTimeoutMs: this.#config.commandTimeoutMs });
  }

  stats(): PoolStats {
    const sum = { size: 0, idle: 0, waiting: 0, max: 0 };
    for (const pool of this.#pools.values()) {
      const stats = pool.stats();
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += stats[name];
    }
    return this.#pools.size > 0 ? sum : { ...sum, max: this.#config.settings().pool.max };
  }

  /** Ends every connection; returns how many were lent. */
  close(): number {
    this.#closed = true;
    let lent = 0;
    for (const pool of this.#pools.values()) lent += pool.close();
    return lent;
  }

  #poolFor(key: string | undefined): Pool {
    const node = key === undefined ? undefined : this.#driver.nodeOf?.(key);
    let pool = this.#pools.get(node ?? '');
    if (pool === undefined) {
      const { pool: limits } = this.#config.settings();
      const open: Driver['open'] = (signal) => this.#driver.open(signal, node === undefined ? undefined : { node });
      pool = new Pool(limits, { endpoint: this.#config.endpoint, clock: this.#clock, open });
      this.#pools.set(node ?? '', pool);
    }
    return pool;
  }
}
