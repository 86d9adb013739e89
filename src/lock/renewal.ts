import { Expiring } from '../core/deadlines.js';
import { LeaseTime } from './lease-time.js';
import type { LockLostReason } from './errors.js';
import type { Claim } from './lock-calls.js';
import type { LockTerms } from './lock-terms.js';

/** What renewal needs of the guard whose lease it renews. */
export interface Renewable {
  readonly claim: Claim;
  readonly lease: LeaseTime;
  readonly terms: LockTerms;
  /** Looks at the clock; false once the guard is lost or released. */
  check(): boolean;
  confirm(lease: LeaseTime): void;
  /** The server has said that the lease is over. */
  lose(standing: 'expired' | 'stolen'): void;
}

/** No lease, however short, is renewed more often than this. */
const MIN_INTERVAL_MS = 5;
const MIN_ANSWER_MS = 5;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

/**
 * Keeps the lease of one guard alive: at every third of it, give or take 10 %, one request. A request that fails is
 * repeated after 50, 100, 200 … ms for as long as the lease lasts, and each gets at most half of what is left of the
 * lease for its answer. There is never more than one on its way, and none after `stop`.
 *
 * Without renewal, or after `maxHold`, it only looks whether the lease has ended.
 */
export class Renewal extends Expiring {
  readonly #guard: Renewable;
  readonly #startedMs: number;
  #inFlight = false;
  #failures = 0;
  #lastFailure: unknown;
  #overHeld = false;

  constructor(guard: Renewable) {
    super();
    this.#guard = guard;
    this.#startedMs = guard.lease.sentMs;
    this.#schedule(this.#intervalMs());
  }

  /** Why the lease ends now, if it ends. */
  get reason(): LockLostReason {
    if (this.#overHeld) return 'max-hold';
    return this.#inFlight || this.#failures > 0 ? 'renewal-timeout' : 'expired';
  }

  /** What the last renewal failed with, if it failed. */
  get cause(): unknown {
    return this.#lastFailure;
  }

  stop(): void {
    this.#guard.terms.keeper.due.remove(this);
  }

  expire(): void {
    const guard = this.#guard;
    if (!guard.check()) return;
    const { keeper, renews, maxHoldMs } = guard.terms;
    this.#overHeld = keeper.clock.monotonicMs() - this.#startedMs >= maxHoldMs;
    if (renews && !this.#overHeld) return this.#renew();
    this.#schedule(Math.max(MIN_INTERVAL_MS, Math.ceil(guard.lease.remainingMs)));
  }

  #renew(): void {
    const { claim, terms } = this.#guard;
    const { keeper, ttlMs } = terms;
    const lease = new LeaseTime(keeper.clock);
    const answerMs = Math.max(MIN_ANSWER_MS, this.#guard.lease.remainingMs / 2);
    this.#inFlight = true;
    keeper.calls.extend(claim, ttlMs, answerMs).then(
      ({ standing, leaseMs }) => {
        this.#inFlight = false;
        if (standing !== 'held') return this.#guard.lose(standing);
        this.#failures = 0;
        this.#lastFailure = undefined;
        lease.grant(leaseMs);
        this.#guard.confirm(lease);
        if (this.#guard.check()) this.#schedule(this.#intervalMs());
      },
      (error: unknown) => this.#onFailure(error),
    );
  }

  #onFailure(error: unknown): void {
    this.#inFlight = false;
    this.#failures += 1;
    this.#lastFailure = error;
    if (!this.#guard.check()) return;
    // told once per series; if the series ends the lease, the guard's own error carries the last one
    if (this.#failures === 1) this.#guard.terms.keeper.report('lock.renew', error);
    const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10));
    this.#schedule(Math.min(delayMs, Math.max(MIN_INTERVAL_MS, Math.ceil(this.#guard.lease.remainingMs / 2))));
  }

  #intervalMs(): number {
    const { ttlMs, renews, keeper } = this.#guard.terms;
    if (!renews) return ttlMs;
    // few distinct delays, so that many guards share few timers
    const step = Math.floor(keeper.random.uniform() * 9);
    return Math.max(MIN_INTERVAL_MS, Math.round((ttlMs / 3) * (0.9 + step * 0.025)));
  }

  #schedule(delayMs: number): void {
    this.#guard.terms.keeper.due.add(this, delayMs);
  }
}
