import { checkKnown } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { ManagerState } from './manager-events.js';
import type { RedisManager } from './manager.js';

/** The answer to a probe, ready to be sent: it holds no secret, but the name of the server may be in `reason`. */
export interface ProbeReport {
  readonly ok: boolean;
  /** The HTTP status that says the same. */
  readonly status: 200 | 503;
  readonly state: ManagerState;
  /** Why it is not ok. */
  readonly reason: string | undefined;
  /** Of the `PING` of `readiness`, when it was answered. */
  readonly roundTripMs: number | undefined;
}

export interface ReadinessOptions {
  /** How long the server may take for its answer. Keep it below the probe's own. Default `'1s'`. */
  readonly timeout?: Duration | undefined;
}

/**
 * Whether restarting this process would help. It does not depend on Redis, whose outage no restart cures: it fails only
 * when the manager is closed, which is for good. That the process answers at all is the other half of this probe.
 *
 * Cost: nothing is sent.
 */
export function liveness(manager: RedisManager): ProbeReport {
  const { state } = manager;
  return report(state, { reason: state === 'closed' ? 'the manager is closed' : undefined });
}

/**
 * Whether requests that need Redis can be served: connected, not closing, and a `PING` is answered in time. A cluster
 * with a node away is ready: most keys are served. Never rejects.
 *
 * Cost: 1 round trip, or none when the connection is down.
 * @throws ConfigError for wrong options
 */
export async function readiness(manager: RedisManager, options: ReadinessOptions = {}): Promise<ProbeReport> {
  checkKnown('readiness', options, ['timeout']);
  const timeout = toMs(options.timeout ?? '1s', 'readiness.timeout');
  const { state, clock } = manager;
  if (state !== 'ready' && state !== 'degraded') return report(state, { reason: `the manager is ${state}` });
  const sentMs = clock.monotonicMs();
  try {
    await manager.command(['PING'], { timeout });
    return report(manager.state, { roundTripMs: clock.monotonicMs() - sentMs });
  } catch (error) {
    return report(manager.state, { reason: (error as Error).message });
  }
}

function report(state: ManagerState, found: { reason?: string | undefined; roundTripMs?: number }): ProbeReport {
  const { reason, roundTripMs } = found;
  const ok = reason === undefined;
  return { ok, status: ok ? 200 : 503, state, reason, roundTripMs };
}
