import { jitteredDelay } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { Deadlines } from '../core/deadlines.js';
import { ServerError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { Beats } from './guard/beats.js';
import { type Holder, Inbox } from './waiting/inbox.js';
import type { Authority, Claim } from './calls/authority.js';
import type { LockHost } from './lock-host.js';

/**
 * What became of a lock at its release.
 * - `released`: it was this guard's until now.
 * - `expired`: it was lost before, because its lease had ended or its data were gone; no other owner is known.
 * - `stolen`: it was lost before, and the server names another owner.
 * - `unknown`: the server did not answer; it is asked again in the background until the lease has ended.
 */
export interface ReleaseResult {
  readonly status: 'released' | 'expired' | 'stolen' | 'unknown';
}

/** What the keeper must be able to do to a guard. */
export interface Kept extends Holder {
  readonly token: string;
  /** The manager is closing: tell the holder, then give the lock back. Never rejects. */
  close(): Promise<void>;
}

/** 132 random bits each; two of them are 33 bytes. */
const TOKEN_CHARS = 22;
const BLOCK_BYTES = 33 * 64;
const MIN_RELEASE_MS = 100;
const WITHDRAWAL_RETRY = { baseMs: 50, maxMs: 1000 };

/** One per manager or quorum: the guards held through it, and the locks that must still be given back. */
export class Keeper {
  readonly clock: Clock;
  readonly random: Random;
  readonly endpoint: string;
  /** What others tell this process about its locks. */
  readonly inbox: Inbox;
  /** When leases are renewed. */
  readonly beats: Beats;
  /** When a guard looks after its lease out of turn. */
  readonly due: Deadlines;
  readonly #host: LockHost;
  readonly #guards = new Map<string, Kept>();
  #entropy = '';
  #entropyUsed = 0;
  #acquiring = 0;
  #closing = false;
  #onIdle: (() => void) | undefined;

  constructor(host: LockHost) {
    this.#host = host;
    this.clock = host.clock;
    this.random = host.random;
    this.endpoint = host.endpoint;
    this.due = new Deadlines(host.clock);
    this.beats = new Beats(host);
    this.inbox = new Inbox(host, (token) => this.#guards.get(token));
    host.onClose(() => this.close());
  }

  /** True once the manager closes: what is granted from now on is given back at once. */
  get closing(): boolean {
    return this.#closing;
  }

  /** Drawn in blocks, because asking the generator costs more than what it gives. */
  newToken(): string {
    if (this.#entropyUsed >= this.#entropy.length) {
      this.#entropy = this.random.bytes(BLOCK_BYTES).toString('base64url');
      this.#entropyUsed = 0;
    }
    this.#entropyUsed += TOKEN_CHARS;
    return this.#entropy.slice(this.#entropyUsed - TOKEN_CHARS, this.#entropyUsed);
  }

  keep(guard: Kept): void {
    this.#guards.set(guard.token, guard);
  }

  drop(guard: Kept): void {
    this.#guards.delete(guard.token);
  }

  /** An acquisition begins; the manager's close waits for its `leave`. */
  enter(): void {
    this.#acquiring += 1;
  }

  leave(): void {
    this.#acquiring -= 1;
    if (this.#acquiring === 0) this.#onIdle?.();
  }

  /** Has the failure of work that nobody awaits told. */
  report(source: string, error: unknown): void {
    this.#host.reportError(source, error);
  }

  /** Gives a lock back. Never rejects: without an answer, the rest is done in the background. */
  async giveBack(authority: Authority, claim: Claim, leaseMs: number): Promise<ReleaseResult> {
    try {
      // after the end of the lease the answer changes nothing
      const { standing } = await authority.release(claim, Math.max(MIN_RELEASE_MS, leaseMs));
      return { status: standing === 'held' ? 'released' : standing };
    } catch (error) {
      // somebody has put another kind of value in the lock's place
      if (error instanceof ServerError && error.replyCode === 'WRONGTYPE') return { status: 'stolen' };
      this.#withdrawLater({ authority, claim, leftMs: leaseMs, attempt: 0 }, error);
      return { status: 'unknown' };
    }
  }

  /**
   * Gives back, in the background, what a token may hold: after an acquisition with an unknown end, or a lease that was
   * lost while a renewal was on its way. Tried until it is answered or the lease must have ended by itself.
   */
  withdraw(authority: Authority, claim: Claim, leaseMs: number): void {
    this.#withdraw({ authority, claim, leftMs: leaseMs, attempt: 0 });
  }

  #withdraw(duty: Withdrawal): void {
    const startedMs = this.clock.monotonicMs();
    duty.authority.release(duty.claim).catch((error: unknown) => {
      const leftMs = duty.leftMs - (this.clock.monotonicMs() - startedMs);
      this.#withdrawLater({ ...duty, leftMs, attempt: duty.attempt + 1 }, error);
    });
  }

  #withdrawLater(duty: Withdrawal, error: unknown): void {
    const delayMs = jitteredDelay(duty.attempt, WITHDRAWAL_RETRY, this.random);
    if (this.#closing || duty.leftMs <= delayMs) return this.report('lock.withdraw', error);
    this.clock.backgroundTimer(delayMs, () => this.#withdraw({ ...duty, leftMs: duty.leftMs - delayMs }));
  }

  protected async close(): Promise<void> {
    this.#closing = true;
    this.inbox.wakeAll();
    await Promise.all(Array.from(this.#guards.values(), (guard) => guard.close()));
    if (this.#acquiring > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.due.stop();
    this.beats.stop();
  }
}

interface Withdrawal {
  readonly authority: Authority;
  readonly claim: Claim;
  readonly leftMs: number;
  readonly attempt: number;
}
