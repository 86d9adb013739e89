import type { Leak } from './leases/leases.js';

/**
 * Where a manager stands. `down`: its connection was lost and it is trying to get it back. `degraded`: it is connected,
 * but commands have been waiting for half of `unresponsiveAfter` and not a byte arrived, or a node of the cluster is away.
 */
export type ManagerState = 'connecting' | 'ready' | 'degraded' | 'down' | 'draining' | 'closed';

/** What `manager.on` tells. A listener that throws harms nobody; there is no fatal event. */
export interface ManagerEvents {
  state: { readonly from: ManagerState; readonly to: ManagerState; readonly cause?: Error | undefined };
  /** The next attempt to reconnect, and what ended the one before. */
  reconnecting: { readonly attempt: number; readonly delayMs: number; readonly cause: Error };
  /** A failure in the background that no caller awaits: a renewal, a refresh, a resubscription. */
  error: { readonly source: string; readonly error: unknown };
  /** A lease that was not given back in time, once for each; see `pool.leakAfter`. */
  leak: Leak;
}

/** What `close` did. */
export interface DrainReport {
  /** Everything in flight was answered and every module had finished before the time was up. */
  readonly drained: boolean;
  /** Commands that were cut off; their promises reject with outcome `unknown`. */
  readonly cutCommands: number;
  /** Leases that were still out and have lost their connection. */
  readonly cutLeases: number;
  readonly tookMs: number;
}
