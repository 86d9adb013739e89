import type { Clock } from '../../core/clock.js';

/**
 * A lease as the clocks of this process see it, measured from before its request was sent: the server granted it later
 * than that, so it ends here before it ends there.
 *
 * Time passed is the larger of what the monotonic and the wall clock say. The monotonic one may stand still while the
 * machine sleeps; a wall clock that jumps ahead ends the lease early, which is safe, and one that jumps back is
 * ignored.
 */
export class LeaseTime {
  /** By the monotonic clock. */
  readonly sentMs: number;
  readonly #clock: Clock;
  readonly #sentWallMs: number;
  #validMs = 0;

  /** Call right before the request is sent. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.sentMs = clock.monotonicMs();
    this.#sentWallMs = clock.wallMs();
  }

  /** The server answered that `leaseMs` were left. */
  grant(leaseMs: number): void {
    this.#validMs = leaseMs - safetyMs(leaseMs);
  }

  get elapsedMs(): number {
    return Math.max(this.#clock.monotonicMs() - this.sentMs, this.#clock.wallMs() - this.#sentWallMs);
  }

  /** How long the lease can still be relied on; 0 when it is over. */
  get remainingMs(): number {
    return Math.max(0, this.#validMs - this.elapsedMs);
  }
}

/** Our clock may be slower than the server's. */
const DRIFT = 0.01;
/** Room for the last step that began under the lease: 2 % of it, between these. */
const MARGIN = 0.02;
const MIN_MARGIN_MS = 2;
const MAX_MARGIN_MS = 50;

/** What is taken off a lease on this side: 1 % for drift, and a margin of 2 % (2 to 50 ms). */
function safetyMs(leaseMs: number): number {
  return leaseMs * DRIFT + Math.min(MAX_MARGIN_MS, Math.max(MIN_MARGIN_MS, leaseMs * MARGIN));
}
