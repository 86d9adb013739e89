import { toDate } from '../../../core/clock.js';
import type { Connection, NodeStatus } from '../../driver.js';

/** What a link knows of itself. */
interface Told {
  readonly connection: Connection | undefined;
  readonly isSilent: boolean;
  readonly queued: NodeStatus['queued'];
  readonly breakerState: NodeStatus['breaker'];
  readonly lastError: unknown;
}

/** How the one server at the other end is doing, without asking it. */
export function statusOf(link: Told, endpoint: string): NodeStatus {
  const { connection, lastError } = link;
  const vitals = connection?.vitals;
  return {
    endpoint,
    ok: connection !== undefined && !link.isSilent,
    role: vitals?.role,
    version: vitals?.version,
    roundTripMs: { p50: vitals?.roundTrips.p50Ms, p99: vitals?.roundTrips.p99Ms },
    inFlight: vitals?.inFlight ?? 0,
    queued: link.queued,
    breaker: link.breakerState,
    lastError: lastError instanceof Error ? lastError : undefined,
    connectedSince: vitals === undefined ? undefined : toDate(vitals.sinceMs),
  };
}
