import { Deadlines } from '../../core/deadlines.js';
import { toMs } from '../../core/duration.js';
import type { Runtime } from '../../core/runtime.js';
import type { ConnectionChanges } from './connection-changes.js';
import type { Driver } from '../driver.js';
import { Lease, type LeaseOptions, type Lender } from './lease.js';
import { Loan, TakenAt } from './loan.js';
import { Pool } from './pool.js';
import type { PooledConnection } from './pooled-connection.js';
import { PoolHistory, type PoolStats } from './pool-stats.js';
import { runTransaction, type Work } from './run-transaction.js';
import type { Settings } from '../config/settings.js';
import type { TransactionOptions, TransactionResult } from './transaction.js';
import { type PoolTrace, poolTraces, traced } from '../tracing.js';
import { unblock } from './unblock.js';

/** A lease that was out for longer than `pool.leakAfter`, or that was dropped without being given back. */
export interface Leak {
  /** For how long it has been out. */
  readonly heldMs: number;
  /** The stack where it was taken, one frame a line; undefined where `pool.leakAfter` is off. */
  readonly takenAt: string | undefined;
  /** Nobody could give it back any more: its connection was closed. Else it is still valid. */
  readonly collected: boolean;
}

export interface LeasesPorts extends Runtime {
  readonly settings: Settings;
  readonly onLeak: (leak: Leak) => void;
  /** Where failures go that concern no caller. */
  readonly report: (error: unknown) => void;
}

/** Lends dedicated connections from one pool per node, and keeps the books on who has one. */
export class Leases implements Lender {
  readonly clock: Runtime['clock'];
  readonly commandTimeoutMs: number;
  readonly database: number;
  readonly #driver: Driver;
  readonly #ports: LeasesPorts;
  readonly #server = { takesMulti: false };
  readonly #history = new PoolHistory();
  readonly #pools = new Map<string, Pool>();
  readonly #loans = new Set<Loan>();
  readonly #overdue: Deadlines;
  readonly #forgotten = new FinalizationRegistry<Loan>((loan) => this.#collect(loan));
  #draining: (() => void) | undefined;

  constructor(driver: Driver, ports: LeasesPorts) {
    this.#driver = driver;
    this.#ports = ports;
    this.clock = ports.clock;
    this.commandTimeoutMs = ports.settings.commandTimeoutMs;
    this.database = ports.settings.db;
    this.#overdue = new Deadlines(ports.clock);
  }

  get isDraining(): boolean {
    return this.#draining !== undefined;
  }

  async lend({ timeout, signal, key }: LeaseOptions): Promise<Lease> {
    const { leakAfterMs } = this.#ports.settings.pool;
    const at = leakAfterMs === undefined ? undefined : new TakenAt();
    const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'lease.timeout');
    const pool = this.#poolFor(key);
    const pooled = await this.#take(pool, timeoutMs, signal);
    const overdue = (late: Loan): void => this.#report(late, false);
    const loan = new Loan({ pool, pooled }, { ms: this.clock.monotonicMs(), at, overdue });
    this.#loans.add(loan);
    if (leakAfterMs !== undefined) this.#overdue.add(loan, leakAfterMs);
    const lease = new Lease(loan, this);
    this.#forgotten.register(lease, loan, loan);
    return lease;
  }

  /** Runs `fn` between `WATCH` and `EXEC` on a connection of its own. */
  transaction<R>(work: Work<R>, options: TransactionOptions): Promise<TransactionResult<R>> {
    const { clock, random } = this.#ports;
    const lend = (wanted: LeaseOptions): Promise<Lease> => this.lend(wanted);
    return runTransaction(work, options, { clock, random, lend, server: this.#server });
  }

  suspect(): void {
    this.#driver.suspect?.();
  }

  ended(loan: Loan, changes: ConnectionChanges, busy: boolean): void {
    this.#forgotten.unregister(loan);
    const undo = changes.undo();
    if (busy) loan.pool.discard(loan.pooled, 'busy');
    else if (undo === undefined) loan.pool.discard(loan.pooled, 'changed');
    else loan.pool.giveBack(loan.pooled, undo);
    this.#close(loan);
  }

  stats(): PoolStats {
    const sum = { size: 0, idle: 0, lent: 0, waiting: 0, max: 0 };
    for (const pool of this.#pools.values()) {
      const stats = pool.stats();
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += stats[name];
    }
    if (this.#pools.size === 0) sum.max = this.#ports.settings.pool.max;
    return { ...sum, ...this.#history.summary() };
  }

  /**
   * Lends nothing any more, has blocking commands answered as if their time had come, and resolves when everything has
   * been given back.
   */
  drain(): Promise<void> {
    const returned = new Promise<void>((resolve) => (this.#draining = resolve));
    for (const pool of this.#pools.values()) pool.stopLending();
    if (this.#loans.size === 0) this.#draining?.();
    else this.#unblock();
    return returned;
  }

  /** Ends every connection; returns how many were lent. */
  close(): number {
    this.#draining ??= () => {};
    this.#overdue.stop();
    let lent = 0;
    for (const pool of this.#pools.values()) lent += pool.close();
    return lent;
  }

  #take(pool: Pool, timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<PooledConnection> {
    if (!poolTraces.hasSubscribers) return pool.take(timeoutMs, signal);
    const { size, idle, waiting, max } = pool.stats();
    const trace: PoolTrace = { endpoint: this.#driver.endpoint, size, idle, waiting, max };
    return traced(poolTraces, trace, () => pool.take(timeoutMs, signal));
  }

  #poolFor(key: string | undefined): Pool {
    const node = key === undefined ? undefined : this.#driver.nodeOf?.(key);
    let pool = this.#pools.get(node ?? '');
    if (pool === undefined) {
      const { clock, random, settings } = this.#ports;
      const { endpoint } = this.#driver;
      const open = (signal: AbortSignal): ReturnType<Driver['open']> =>
        this.#driver.open(signal, node === undefined ? undefined : { node });
      pool = new Pool(settings.pool, { clock, random, endpoint, history: this.#history, open });
      if (this.isDraining) pool.stopLending();
      this.#pools.set(node ?? '', pool);
    }
    return pool;
  }

  #close(loan: Loan): void {
    this.#overdue.remove(loan);
    this.#loans.delete(loan);
    if (this.#loans.size === 0) this.#draining?.();
  }

  #collect(loan: Loan): void {
    if (!this.#loans.has(loan)) return;
    loan.pool.discard(loan.pooled, 'leaked');
    this.#close(loan);
    this.#report(loan, true);
  }

  #report(loan: Loan, collected: boolean): void {
    this.#history.leaks += 1;
    const heldMs = this.clock.monotonicMs() - loan.takenMs;
    this.#ports.onLeak({ heldMs, takenAt: loan.takenAt?.toString(), collected });
  }

  #unblock(): void {
    for (const pool of this.#pools.values()) {
      const blocked = [...this.#loans].filter((loan) => loan.pool === pool && loan.blocked > 0);
      unblock(
        blocked.map((loan) => loan.pooled.connection),
        () => pool.openAside(),
      ).catch(this.#ports.report);
    }
  }
}
