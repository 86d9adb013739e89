import { Expiring } from '../../core/deadlines.js';
import type { Pool } from './pool.js';
import type { PooledConnection } from './pooled-connection.js';

/** Where somebody took a lease. The frames are noted at once, and turned into text only when somebody reads them. */
export class TakenAt {
  // measured: cheaper than Error.captureStackTrace, and our own frames are left out below in any case
  readonly #frames = new Error('taken');

  /** One frame a line, beginning with who called the manager. */
  toString(): string {
    const [, ...frames] = (this.#frames.stack ?? '').split('\n');
    const ours = frames.findIndex((frame) => frame.includes(' RedisManager.'));
    return frames.slice(ours + 1).join('\n');
  }
}

/**
 * What is known of a lease that is out. It refers to no `Lease`, so that one which its user forgot can be collected
 * while the loan is still in the books.
 */
export class Loan extends Expiring {
  readonly pool: Pool;
  readonly pooled: PooledConnection;
  readonly takenMs: number;
  readonly takenAt: TakenAt | undefined;
  /** Commands in flight that may block for as long as they like. */
  blocked = 0;
  readonly #overdue: (loan: Loan) => void;

  constructor(
    from: { readonly pool: Pool; readonly pooled: PooledConnection },
    taken: { readonly ms: number; readonly at: TakenAt | undefined; readonly overdue: (loan: Loan) => void },
  ) {
    super();
    this.pool = from.pool;
    this.pooled = from.pooled;
    this.takenMs = taken.ms;
    this.takenAt = taken.at;
    this.#overdue = taken.overdue;
  }

  expire(): void {
    this.#overdue(this);
  }
}
