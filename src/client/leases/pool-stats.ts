import { Latencies, type LatencySummary } from '../../core/latencies.js';

/**
 * Why a dedicated connection ended: the server or the link ended it (`lost`); nobody used it for `idleTimeout`; it
 * reached `maxAge`; it did not answer when it was tried before being lent again (`unresponsive`); its user left it with
 * something that is not undone (`changed`) or with a command in flight (`busy`); its lease was never given back and
 * nobody can any more (`leaked`); the manager closed it.
 */
export type PoolCloseReason = 'lost' | 'idle' | 'aged' | 'unresponsive' | 'changed' | 'busy' | 'leaked' | 'closed';

/** The pool of dedicated connections: how it is now, and what happened since the manager was made. */
export interface PoolStats {
  /** Connections that exist or are being made. */
  readonly size: number;
  readonly idle: number;
  /** On loan. */
  readonly lent: number;
  /** Callers that wait for one. */
  readonly waiting: number;
  /** Most at a time; of a cluster, on the nodes that have had one. */
  readonly max: number;
  /** How long the callers waited that got one; 0 for those who found one idle. */
  readonly waits: LatencySummary;
  /** Callers that got none in time. */
  readonly timeouts: number;
  readonly opened: number;
  readonly closed: Readonly<Record<PoolCloseReason, number>>;
  /** Leases that were reported by a `leak` event. */
  readonly leaks: number;
}

/** What happened, summed over the pools of one manager. */
export class PoolHistory {
  readonly waits = new Latencies();
  timeouts = 0;
  opened = 0;
  leaks = 0;
  readonly closed: Record<PoolCloseReason, number> = {
    lost: 0,
    idle: 0,
    aged: 0,
    unresponsive: 0,
    changed: 0,
    busy: 0,
    leaked: 0,
    closed: 0,
  };

  summary(): Pick<PoolStats, 'waits' | 'timeouts' | 'opened' | 'closed' | 'leaks'> {
    const { timeouts, opened, leaks } = this;
    return { waits: this.waits.summary(), timeouts, opened, leaks, closed: { ...this.closed } };
  }
}
