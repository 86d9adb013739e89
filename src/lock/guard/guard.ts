import { checkFunction, checkNumber, wrong } from '../../core/check.js';
import type { Timer } from '../../core/clock.js';
import type { Duration } from '../../core/duration.js';
import { type CheckedSignal, checkedSignal } from './checked-signal.js';
import { LockLostError, type LockLostReason } from '../errors.js';
import type { Kept, ReleaseResult } from '../keeper.js';
import { LeaseTime } from './lease-time.js';
import type { Authority, Claim } from '../calls/authority.js';
import type { FencedTransaction } from '../fenced-transaction.js';
import type { LeaseTerms } from '../lock-terms.js';
import { tracedLock } from '../trace.js';
import type { OwnGuard } from '../acquirer.js';
import { checkTtl } from '../options.js';
import { collect, packWrites } from './fenced-writes.js';
import { type Renewable, Renewal } from './renewal.js';

/** The longest sleep of the timer behind `signal`: timers do not run while the machine sleeps, the lease does. */
const LOOK_AGAIN_MS = 1000;

/** With this part of its ttl a lease is renewed with the others; with less, which is a claim or came late, by itself first. */
const WHOLE = 0.8;
/** A lease that has been renewed within this part of it is left for the next beat. */
const YOUNG = 1 / 9;

/*
 * States: held → lost, held → released; both are final, and whichever comes first wins. `suspect` is only a way to
 * read `held`. Nothing moves the state but `#lose` and `release`, and no timer is needed for it to be right: every
 * question looks at the clock. Timers serve renewal, and the listeners of `signal`, which is made on first use.
 */
export class Guard implements OwnGuard, Renewable, Kept {
  readonly key: string;
  readonly claim: Claim;
  readonly terms: LeaseTerms;
  #fence: bigint;
  #lease: LeaseTime;
  /** Made when there is something to renew: most locks are released before that. */
  #renewal: Renewal | undefined;
  #loss: LockLostError | undefined;
  /** The loss was told by the server, so nothing is left there to give back. */
  #confirmedLoss = false;
  #release: Promise<ReleaseResult> | undefined;
  #signal: CheckedSignal | undefined;
  #deadline: Timer | undefined;

  constructor(terms: LeaseTerms, grant: { readonly claim: Claim; readonly fence: bigint; readonly lease: LeaseTime }) {
    this.terms = terms;
    this.key = terms.key;
    this.#fence = grant.fence;
    this.claim = grant.claim;
    this.#lease = grant.lease;
    if (terms.renews && this.#lease.remainingMs >= terms.ttlMs * WHOLE) terms.keeper.beats.join(terms.ttlMs, this);
    else this.#renew().begin();
    terms.keeper.keep(this);
    terms.events.emit('acquired', this);
  }

  get token(): string {
    return this.claim.token;
  }

  get fence(): bigint {
    return this.#fence;
  }

  get lease(): LeaseTime {
    return this.#lease;
  }

  get state(): 'held' | 'suspect' | 'lost' | 'released' {
    if (this.check()) return this.#isSuspect() ? 'suspect' : 'held';
    return this.#loss === undefined ? 'released' : 'lost';
  }

  /** How it was lost, if it was. Looks at the clock. */
  get loss(): LockLostError | undefined {
    this.check();
    return this.#loss;
  }

  /** Looks at the clock and takes the consequence. */
  get remainingMs(): number {
    if (this.#loss !== undefined || this.#release !== undefined) return 0;
    const leftMs = this.#lease.remainingMs;
    if (leftMs === 0) this.#lose(this.#renewal?.reason ?? 'expired', this.#renewal?.cause);
    return leftMs;
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = checkedSignal(() => void this.check());
      if (this.check()) this.#armDeadline();
      else if (this.#loss !== undefined) this.#signal.abort(this.#loss);
    }
    return this.#signal.signal;
  }

  /** Looks at the clock and takes the consequence, as `remainingMs` does. True while held. */
  check(): boolean {
    return this.remainingMs > 0;
  }

  assertHeld(minMs = 0): void {
    if (minMs !== 0) checkNumber('assertHeld.minMs', minMs, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const leftMs = this.remainingMs;
    if (leftMs === 0) throw this.#loss ?? this.#error('released');
    if (leftMs < minMs) throw this.#error('ending');
  }

  async extend(ttl?: Duration): Promise<void> {
    const ttlMs = ttl === undefined ? this.terms.ttlMs : checkTtl(ttl, 'extend.ttl');
    this.assertHeld();
    const lease = new LeaseTime(this.terms.keeper.clock);
    const { standing, leaseMs } = await this.#ask((authority, timeoutMs) =>
      authority.extend(this.claim, ttlMs, timeoutMs),
    );
    if (standing !== 'held') this.lose(standing);
    lease.grant(leaseMs);
    this.confirm(lease);
    this.assertHeld();
  }

  async verify(): Promise<boolean> {
    if (!this.check()) return false;
    const { standing } = await this.#ask((authority, timeoutMs) => authority.verify(this.claim, timeoutMs));
    if (standing !== 'held') this.lose(standing);
    return this.check();
  }

  /** Gives it a higher fence, before anybody has seen the one that it has. False: it is lost. */
  async raise(fence: bigint): Promise<boolean> {
    const { standing } = await this.#ask((authority, timeoutMs) => authority.raise(this.claim, fence, timeoutMs));
    if (standing !== 'held') this.lose(standing);
    this.#fence = fence;
    return this.check();
  }

  async exec(fn: (tx: FencedTransaction) => void): Promise<unknown[]> {
    const { exec, hash } = this.terms;
    if (exec === undefined) throw wrong('guard', 'one of a DistributedLock of one server, to write with it', this.key);
    checkFunction('exec.commands', fn);
    const commands = collect(fn);
    this.assertHeld();
    const { keys, args } = packWrites(commands);
    const [standing, ...replies] = await this.#ask((_authority, timeoutMs) =>
      exec([hash, ...keys], [this.token, ...args], timeoutMs),
    );
    if (standing !== 1) {
      this.lose(standing === 0 ? 'expired' : 'stolen');
      throw this.#loss ?? this.#error('released');
    }
    const failure = replies.find((reply) => reply instanceof Error);
    if (failure !== undefined) throw failure;
    return replies;
  }

  release(): Promise<ReleaseResult> {
    if (this.#release === undefined) {
      const leaseMs = this.remainingMs;
      this.#stop();
      this.#release =
        this.#loss === undefined ? this.#passOrGiveBack(leaseMs) : Promise.resolve(this.#abandon(this.#loss));
      this.terms.events.emit('released', this);
    }
    return this.#release;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async close(): Promise<void> {
    const leaseMs = this.remainingMs;
    if (leaseMs === 0) return;
    this.#lose('closed');
    this.#confirmedLoss = true;
    await this.#giveBack(leaseMs);
  }

  beat(): void {
    if (this.check() && this.#lease.elapsedMs >= this.terms.ttlMs * YOUNG) this.#renew().beat();
  }

  #renew(): Renewal {
    this.#renewal ??= new Renewal(this);
    return this.#renewal;
  }

  /** The server has confirmed the lease. */
  confirm(lease: LeaseTime): void {
    if (this.#loss !== undefined || this.#release !== undefined) return;
    this.#lease = lease;
    if (this.#signal !== undefined) this.#armDeadline();
  }

  /** The server has said that the lease is over. */
  lose(standing: 'expired' | 'stolen'): void {
    this.#confirmedLoss = true;
    this.#lose(standing);
  }

  /** Somebody has taken the lock away. */
  onTaken(reason: string): void {
    this.#confirmedLoss = true;
    this.#lose('forced', new Error(reason));
  }

  #lose(reason: LockLostReason, cause?: unknown): void {
    if (this.#loss !== undefined || this.#release !== undefined) return;
    this.#loss = this.#error(reason, cause);
    this.#stop();
    this.#signal?.abort(this.#loss);
    this.terms.succession?.leave();
    this.terms.events.emit('lost', this.#loss);
  }

  #stop(): void {
    this.#renewal?.stop();
    this.#deadline?.cancel();
    const { keeper, ttlMs } = this.terms;
    keeper.beats.leave(ttlMs, this);
    keeper.drop(this);
  }

  #passOrGiveBack(leaseMs: number): Promise<ReleaseResult> {
    const { succession } = this.terms;
    if (succession === undefined) return this.#giveBack(leaseMs);
    return succession.pass(this.claim, leaseMs) ?? this.#giveBack(leaseMs).finally(() => succession.leave());
  }

  #giveBack(leaseMs: number): Promise<ReleaseResult> {
    const { keeper, authority } = this.terms;
    return tracedLock('release', this.key, () => keeper.giveBack(authority, this.claim, leaseMs));
  }

  /** A renewal that was on its way when the lease ended may still have prolonged it on the server. */
  #abandon(loss: LockLostError): ReleaseResult {
    if (!this.#confirmedLoss) this.terms.keeper.withdraw(this.terms.authority, this.claim, this.terms.ttlMs);
    return { status: loss.reason === 'stolen' || loss.reason === 'forced' ? 'stolen' : 'expired' };
  }

  /** Sends a request that is not worth waiting for beyond the lease. */
  async #ask<T>(send: (authority: Authority, timeoutMs: number) => Promise<T>): Promise<T> {
    try {
      return await send(this.terms.authority, this.#lease.remainingMs);
    } catch (error) {
      this.assertHeld();
      throw error;
    }
  }

  #isSuspect(): boolean {
    return this.terms.renews && this.#lease.elapsedMs > this.terms.ttlMs / 2;
  }

  #armDeadline(): void {
    this.#deadline?.cancel();
    const delayMs = Math.min(LOOK_AGAIN_MS, Math.max(1, Math.floor(this.#lease.remainingMs)));
    this.#deadline = this.terms.keeper.clock.backgroundTimer(delayMs, () => {
      if (this.check()) this.#armDeadline();
    });
  }

  #error(reason: LockLostReason, cause?: unknown): LockLostError {
    return new LockLostError({ key: this.key, fence: this.fence, reason, cause });
  }
}
