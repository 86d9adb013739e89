import type { RedisManager } from '../client/manager.js';
import { jitteredDelay } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { Deadlines } from '../core/deadlines.js';
import { ServerError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { type Claim, LockCalls } from './lock-calls.js';

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
export interface Kept {
  /** The manager is closing: tell the holder, then give the lock back. Never rejects. */
  close(): Promise<void>;
}

const TOKEN_BYTES = 16;
const TOKENS_PER_BLOCK = 128;
const MIN_RELEASE_MS = 100;
const WITHDRAWAL_RETRY = { baseMs: 50, maxMs: 1000 };

/** One per manager: its calls to the server, the guards held through it, and the locks that must still be given back. */
export class Keeper {
  static readonly #keepers = new WeakMap<RedisManager, Keeper>();

  readonly clock: Clock;
  readonly random: Random;
  readonly endpoint: string;
  readonly calls: LockCalls;
  /** When each held guard looks after its lease next. */
  readonly due: Deadlines;
  readonly #manager: RedisManager;
  readonly #guards = new Set<Kept>();
  #entropy: Buffer = Buffer.alloc(0);
  #entropyUsed = 0;
  #acquiring = 0;
  #closing = false;
  #onIdle: (() => void) | undefined;

  private constructor(manager: RedisManager) {
    this.#manager = manager;
    this.clock = manager.clock;
    this.random = manager.random;
    this.endpoint = manager.endpoint;
    this.due = new Deadlines(manager.clock);
    this.calls = new LockCalls(manager);
    manager.onClose(() => this.#close());
  }

  static of(manager: RedisManager): Keeper {
    let keeper = Keeper.#keepers.get(manager);
    if (keeper === undefined) Keeper.#keepers.set(manager, (keeper = new Keeper(manager)));
    return keeper;
  }

  /** True once the manager closes: what is granted from now on is given back at once. */
  get closing(): boolean {
    return this.#closing;
  }

  /** 128 random bits. Drawn in blocks, because asking the generator costs more than what it gives. */
  newToken(): string {
    if (this.#entropyUsed >= this.#entropy.length) {
      this.#entropy = this.random.bytes(TOKEN_BYTES * TOKENS_PER_BLOCK);
      this.#entropyUsed = 0;
    }
    const start = this.#entropyUsed;
    this.#entropyUsed += TOKEN_BYTES;
    return this.#entropy.toString('base64url', start, this.#entropyUsed);
  }

  keep(guard: Kept): void {
    this.#guards.add(guard);
  }

  drop(guard: Kept): void {
    this.#guards.delete(guard);
  }

  /** An acquisition begins; the manager's close waits for its `leave`. */
  enter(): void {
    this.#acquiring += 1;
  }

  leave(): void {
    this.#acquiring -= 1;
    if (this.#acquiring === 0) this.#onIdle?.();
  }

  /** Has the failure of work that nobody awaits told by the manager. */
  report(source: string, error: unknown): void {
    this.#manager.reportError(source, error);
  }

  /** Gives a lock back. Never rejects: without an answer, the rest is done in the background. */
  async giveBack(claim: Claim, leaseMs: number): Promise<ReleaseResult> {
    try {
      // after the end of the lease the answer changes nothing
      const { standing } = await this.calls.release(claim, Math.max(MIN_RELEASE_MS, leaseMs));
      return { status: standing === 'held' ? 'released' : standing };
    } catch (error) {
      // somebody has put another kind of value in the lock's place
      if (error instanceof ServerError && error.replyCode === 'WRONGTYPE') return { status: 'stolen' };
      this.#withdrawLater({ claim, leftMs: leaseMs, attempt: 0 }, error);
      return { status: 'unknown' };
    }
  }

  /**
   * Gives back, in the background, what a token may hold: after an acquisition with an unknown end, or a lease that was
   * lost while a renewal was on its way. Tried until it is answered or the lease must have ended by itself.
   */
  withdraw(claim: Claim, leaseMs: number): void {
    this.#withdraw({ claim, leftMs: leaseMs, attempt: 0 });
  }

  #withdraw(duty: Withdrawal): void {
    const startedMs = this.clock.monotonicMs();
    this.calls.release(duty.claim).catch((error: unknown) => {
      const leftMs = duty.leftMs - (this.clock.monotonicMs() - startedMs);
      this.#withdrawLater({ ...duty, leftMs, attempt: duty.attempt + 1 }, error);
    });
  }

  #withdrawLater(duty: Withdrawal, error: unknown): void {
    const delayMs = jitteredDelay(duty.attempt, WITHDRAWAL_RETRY, this.random);
    if (this.#closing || duty.leftMs <= delayMs) return this.report('lock.withdraw', error);
    this.clock.backgroundTimer(delayMs, () => this.#withdraw({ ...duty, leftMs: duty.leftMs - delayMs }));
  }

  async #close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#guards].map((guard) => guard.close()));
    if (this.#acquiring > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.due.stop();
    this.calls.close();
  }
}

interface Withdrawal {
  readonly claim: Claim;
  readonly leftMs: number;
  readonly attempt: number;
}
