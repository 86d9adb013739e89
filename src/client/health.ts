import type { ManagerState } from './manager-events.js';
import type { PoolStats } from './leases/pool-stats.js';
import type { Command, CommandOptions } from './calls/command.js';
import type { NodeStatus, Reply } from './driver.js';
import type { Clock } from '../core/clock.js';

/** How the connection is doing, as one look found it. */
export interface HealthReport {
  /** The server answered a `PING` just now. */
  readonly ok: boolean;
  readonly state: ManagerState;
  readonly endpoint: string;
  /** Time of that `PING`, or undefined when it was not answered. */
  readonly roundTripMs: number | undefined;
  /** What the server says of itself; undefined where the ACL user may not ask (`INFO`). */
  readonly server: ServerInfo | undefined;
  /** As `manager.nodes()` gives them, before this look. */
  readonly nodes: readonly NodeStatus[];
  readonly pool: PoolStats;
  /** Commands on the shared connection that waited for their reply before this look. */
  readonly inFlight: number;
  /** Why `ok` is false. */
  readonly error: Error | undefined;
}

export interface ServerInfo {
  /** `redis` or `valkey`. */
  readonly name: string;
  readonly version: string;
  /** `master` or `slave`. */
  readonly role: string;
}

/** The part of a report that takes asking. Never rejects: 2 round trips, within the timeout given. */
export async function askHealth(
  send: (command: Command, options: CommandOptions) => Promise<Reply>,
  clock: Clock,
  timeoutMs: number,
): Promise<Pick<HealthReport, 'ok' | 'roundTripMs' | 'server' | 'error'>> {
  const options = { timeout: timeoutMs };
  const sentMs = clock.monotonicMs();
  try {
    await send(['PING'], options);
    const roundTripMs = clock.monotonicMs() - sentMs;
    // without the permission for INFO the server is no less healthy
    const info = await send(['INFO'], options).catch(() => undefined);
    return { ok: true, roundTripMs, server: parseInfo(info), error: undefined };
  } catch (error) {
    return { ok: false, roundTripMs: undefined, server: undefined, error: error as Error };
  }
}

/** The lines of `INFO` that say who answers. Valkey gives Redis's version beside its own. */
function parseInfo(info: Reply | undefined): ServerInfo | undefined {
  if (typeof info !== 'string') return undefined;
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = field('valkey_version') ?? field('redis_version');
  if (version === undefined) return undefined;
  return { name: field('server_name') ?? 'redis', version, role: field('role') ?? 'unknown' };
}
