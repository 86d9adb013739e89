import { ignore, sleep, untilAborted } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import { ClosedError } from '../../core/errors.js';
import type { Tenure } from '../calls/tenure.js';
import type { LeaderInfo } from './leader-events.js';

export interface ObservationPorts {
  readonly clock: Clock;
  /** The longest pause between two looks. */
  readonly intervalMs: number;
  /** Ends the observation. */
  readonly signal: AbortSignal;
  readonly look: () => Promise<Tenure | undefined>;
  /** Told once for each series of failures. */
  readonly report: (error: unknown) => void;
}

/**
 * Who leads, whenever that changes, and at first. It looks when a lease ends and at an interval. While nobody can be
 * asked, a leader is believed to lead until the end of the lease that was seen last.
 */
export async function* observation(ports: ObservationPorts): AsyncGenerator<LeaderInfo | undefined, void, void> {
  const { clock, intervalMs, signal, look, report } = ports;
  let leader: string | undefined;
  let leaseEndMs = 0;
  let isFirst = true;
  let hasFailed = false;
  while (!signal.aborted) {
    const askedMs = clock.monotonicMs();
    let seen: Tenure | undefined;
    let isKnown = true;
    try {
      seen = await untilAborted(look(), signal);
      hasFailed = false;
    } catch (error) {
      if (signal.aborted || error instanceof ClosedError) return;
      if (!hasFailed) report(error);
      hasFailed = true;
      isKnown = leader !== undefined && clock.monotonicMs() >= leaseEndMs;
    }
    if (seen !== undefined) leaseEndMs = askedMs + seen.remainingMs;
    if (isKnown && (isFirst || seen?.token !== leader)) {
      isFirst = false;
      leader = seen?.token;
      yield toInfo(seen);
    }
    const untilEndMs = leader === undefined ? intervalMs : leaseEndMs - clock.monotonicMs() + 1;
    await sleep(clock, Math.min(intervalMs, untilEndMs > 0 ? untilEndMs : intervalMs), signal).catch(ignore);
  }
}

function toInfo(tenure: Tenure | undefined): LeaderInfo | undefined {
  if (tenure === undefined) return undefined;
  const { fence, metadata, remainingMs, heldMs } = tenure;
  return { term: fence, metadata, remainingMs, heldMs };
}
