import { Expiring } from '../../core/deadlines.js';
import type { Beating } from './beats.js';
import { LeaseTime } from './lease-time.js';
import type { LockLostReason } from '../errors.js';
import type { Claim } from '../calls/authority.js';
import { CLAIM_MS } from '../calls/run-script.js';
import type { LeaseTerms } from '../lock-terms.js';

/** What renewal needs of the guard whose lease it renews. */
export interface Renewable extends Beating {
  readonly claim: Claim;
  readonly lease: LeaseTime;
  readonly terms: LeaseTerms;
  /** Looks at the clock; false once the guard is lost or released. */
  check(): boolean;
  confirm(lease: LeaseTime): void;
  /** The server has said that the lease is over. */
  lose(standing: 'expired' | 'stolen'): void;
}

/** The shortest pause between two looks. */
const MIN_INTERVAL_MS = 5;
const MIN_ANSWER_MS = 5;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

/**
 * Keeps the lease of one guard alive, together with all others of the same length (`Beats`): a request once in a third
 * of it, and never later than when a half of it has passed. A lease that was handed over is a claim at first, and
 * prolonged when a third of that has passed. A request that fails is repeated after 50, 100, 200 … ms for as long as the lease
 * lasts, and each gets at most half of what is left of the lease for its answer. There is never more than one on its
 * way, and none after `stop`.
 *
 * Without renewal, or after `maxHold`, it only looks whether the lease has ended; a claim is prolonged all the same, once.
 */
export class Renewal extends Expiring {
  readonly #guard: Renewable;
  readonly #startedMs: number;
  /** The lease is only what whoever was handed the lock has until it has been heard of. */
  #isClaim: boolean;
  #inFlight = false;
  #failures = 0;
  #lastFailure: unknown;
  #overHeld = false;

  constructor(guard: Renewable) {
    super();
    this.#guard = guard;
    this.#startedMs = guard.lease.sentMs;
    this.#isClaim = guard.terms.ttlMs > CLAIM_MS && guard.lease.remainingMs < CLAIM_MS;
  }

  /** Looks after the first lease, where no beat does. */
  begin(): void {
    if (this.#guard.terms.renews || this.#isClaim) this.#schedule(Math.ceil(this.#guard.lease.remainingMs / 3));
    else this.#scheduleEnd();
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

  beat(): void {
    const isWaiting = this.#inFlight || this.#failures > 0;
    if (!isWaiting) this.#renewOrEnd();
  }

  expire(): void {
    if (this.#guard.check()) this.#renewOrEnd();
  }

  #renewOrEnd(): void {
    const { keeper, renews, maxHoldMs, ttlMs } = this.#guard.terms;
    this.#overHeld = keeper.clock.monotonicMs() - this.#startedMs >= maxHoldMs;
    if (this.#isClaim || (renews && !this.#overHeld)) return this.#renew();
    keeper.beats.leave(ttlMs, this.#guard);
    this.#scheduleEnd();
  }

  #renew(): void {
    const { claim, terms } = this.#guard;
    const { keeper, ttlMs } = terms;
    const lease = new LeaseTime(keeper.clock);
    const answerMs = Math.max(MIN_ANSWER_MS, this.#guard.lease.remainingMs / 2);
    this.#inFlight = true;
    terms.authority.extend(claim, ttlMs, answerMs).then(
      ({ standing, leaseMs }) => {
        this.#inFlight = false;
        if (standing !== 'held') return this.#guard.lose(standing);
        this.#failures = 0;
        this.#lastFailure = undefined;
        lease.grant(leaseMs);
        this.#guard.confirm(lease);
        this.#isClaim = false;
        if (!this.#guard.check()) return;
        if (terms.renews) keeper.beats.join(ttlMs, this.#guard);
        else this.#scheduleEnd();
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
    this.#schedule(Math.min(delayMs, Math.ceil(this.#guard.lease.remainingMs / 2)));
  }

  #scheduleEnd(): void {
    this.#schedule(Math.ceil(this.#guard.lease.remainingMs));
  }

  #schedule(delayMs: number): void {
    this.#guard.terms.keeper.due.add(this, Math.max(MIN_INTERVAL_MS, delayMs));
  }
}
