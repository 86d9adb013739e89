import { sleep } from '../../core/abort.js';
import { jitteredDelay } from '../../core/backoff.js';
import { ClosedError, ConnectionError, type RedisUtilsError, ServerError, TimeoutError } from '../../core/errors.js';
import { LockQuorumError, LockTimeoutError } from '../errors.js';
import { Guard } from '../guard/guard.js';
import { LeaseTime } from '../guard/lease-time.js';
import type { Claim, Grant } from '../calls/authority.js';
import type { LeaseTerms } from '../lock-terms.js';
import { DEFAULT_WAIT_MS, type Patience } from '../options.js';
import { CLAIM_MS } from '../calls/run-script.js';
import { withoutWrongType } from '../wrong-type.js';
import { lookDelay } from './line.js';
import { Waiting } from './waiting.js';

const RETRY = { baseMs: 10, maxMs: 150 };
/** States of a server that pass by themselves. */
const TEMPORARY = new Set(['LOADING', 'BUSY', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN']);

/**
 * One call of `acquire` or `tryAcquire`. All its attempts carry one token, and the server gives a token that holds the
 * lock the same grant again: when a reply is lost, the next attempt finds out. Whatever ends the call without a guard
 * while an attempt may have been granted or may wait in the queue, the token is given back in the background, so that
 * nobody holds the lock for nobody.
 *
 * Who waits stands in the lock's queue and is told when its turn has come. It looks for itself when the lease ends, and
 * when messages may have been lost; and every now and then where there are no messages.
 */
export class Acquisition {
  readonly #terms: LeaseTerms;
  readonly #patience: Patience;
  /** Made when there is something to wait for. */
  #waiting: Waiting | undefined;
  readonly #startedMs: number;
  #claim: Claim;
  /** What the present attempt is granted, if it is. */
  #lease: LeaseTime;
  /** From when on the time of a pushed grant is measured: a moment of this process that was before one of the server. */
  #anchor: LeaseTime;
  /** The server's moment; undefined: whenever it did what was asked for. */
  #anchorServerMs: number | undefined;
  #attempts = 0;
  /** How often messages may have been lost when the present attempt was made. */
  #heardBefore = 0;
  /** An attempt under this token may have been granted, or queued, without our knowledge. */
  #inDoubt = false;
  /** Under way while the manager closes. */
  #givingBack: Promise<unknown> | undefined;
  /** The last answer was that another holds the lock. */
  #refused = false;
  /** It was that this one waits in the queue. */
  #isQueued = false;
  /** What was left of the other's lease then. */
  #othersLeaseMs = 0;

  constructor(terms: LeaseTerms, patience: Patience) {
    this.#terms = terms;
    this.#patience = patience;
    this.#claim = { hash: terms.hash, token: terms.keeper.newToken() };
    this.#lease = new LeaseTime(terms.keeper.clock);
    this.#anchor = this.#lease;
    this.#startedMs = this.#lease.sentMs;
  }

  /** One attempt. Cost: 1 round trip. */
  async once(): Promise<Guard | undefined> {
    const { keeper } = this.#terms;
    keeper.enter();
    try {
      const barred = this.#terms.admission?.check();
      if (barred !== undefined && (await barred) > 0) return undefined;
      const asked = this.#ask(this.#patience.timeoutMs, 0);
      try {
        return this.#take(await asked);
      } catch (error) {
        throw this.#failed(error);
      }
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      this.#leave();
    }
  }

  /** Attempts until one is granted or the time is over. */
  async granted(): Promise<Guard> {
    const { keeper } = this.#terms;
    const { timeoutMs = DEFAULT_WAIT_MS } = this.#patience;
    keeper.enter();
    try {
      for (;;) {
        const barred = this.#terms.admission?.check();
        if (barred !== undefined && !(await this.#isAdmitted(barred, timeoutMs))) continue;
        // what throws here has not been sent
        const asked = this.#ask(timeoutMs, keeper.inbox.isOpen ? timeoutMs - this.#waitedMs() : 0);
        let failure: RedisUtilsError | undefined;
        try {
          const guard = this.#take(await asked) ?? (await this.#takePushed());
          if (guard !== undefined) return guard;
        } catch (error) {
          failure = this.#worthAnother(this.#failed(error), timeoutMs);
          if (this.#terms.authority.spendsTokens) this.#startAnew();
        }
        await this.#pause(timeoutMs - this.#waitedMs(), failure !== undefined);
        const guard = await this.#takePushed();
        if (guard !== undefined) return guard;
        if (this.#waitedMs() >= timeoutMs) throw failure ?? this.#timedOut();
      }
    } catch (error) {
      throw this.#givenUp(error);
    } finally {
      this.#leave();
    }
  }

  /** Waits until something may be granted. False: it has to be looked at again. */
  async #isAdmitted(barred: Promise<number>, timeoutMs: number): Promise<boolean> {
    const { clock, random } = this.#terms.keeper;
    let forMs: number;
    let failure: RedisUtilsError | undefined;
    try {
      forMs = await barred;
      this.#refused = forMs > 0;
    } catch (error) {
      failure = this.#worthAnother(error, timeoutMs);
      forMs = jitteredDelay(this.#attempts, RETRY, random);
    }
    if (forMs === 0) return true;
    const leftMs = timeoutMs - this.#waitedMs();
    await sleep(clock, Math.max(0, Math.min(forMs, leftMs)), this.#patience.signal);
    if (forMs >= leftMs) throw failure ?? this.#timedOut();
    return false;
  }

  #ask(patienceMs: number | undefined, waitMs: number): Promise<Grant> {
    const { keeper, authority, barges } = this.#terms;
    const { signal } = this.#patience;
    signal?.throwIfAborted();
    if (keeper.closing) throw this.#closed();
    if (keeper.inbox.mayOpen) void keeper.inbox.open();
    this.#waiting?.looks();
    this.#heardBefore = keeper.inbox.interruptions;
    if (this.#attempts > 0) this.#lease = new LeaseTime(keeper.clock);
    this.#attempts += 1;
    const timeoutMs = attemptTime(patienceMs, this.#lease.sentMs - this.#startedMs);
    return authority.acquire(this.#claim, this.#terms, { timeoutMs, signal, waitMs: Math.ceil(waitMs), barges });
  }

  /** A guard, or `undefined` when the lock is held by another. */
  #take({ fence, rank, leaseMs, nowMs }: Grant): Guard | undefined {
    const lease = this.#lease;
    this.#anchor = lease;
    this.#anchorServerMs = nowMs;
    if (fence === undefined) {
      this.#refused = true;
      this.#inDoubt ||= rank !== undefined;
      if (this.#terms.authority.spendsTokens) this.#startAnew();
      this.#othersLeaseMs = leaseMs;
      this.#isQueued = rank !== undefined;
      if (rank !== undefined) this.#terms.keeper.inbox.onQueued(this.#wait(), leaseMs, rank);
      return undefined;
    }
    lease.grant(leaseMs);
    return this.#isLongEnough(lease) ? this.#guard(fence, lease) : this.#refuseStale();
  }

  /** The same from what was pushed. */
  async #takePushed(): Promise<Guard | undefined> {
    const granted = this.#waiting?.takeGrant();
    if (granted === undefined) return undefined;
    const { fence, leaseEndMs, nowMs } = granted;
    if (this.#terms.replicas !== undefined) return this.#confirmed(fence);
    const anchor = this.#anchor;
    const serverMs = this.#anchorServerMs ?? nowMs;
    // a message may have been under way for long: so its time is counted from a request that the server had seen before
    // it was sent; and where the server's clock was moved meanwhile, not as if it came from the future
    anchor.grant(Math.min(leaseEndMs - serverMs, anchor.elapsedMs + leaseEndMs - nowMs));
    // it is held from now on, not since the wait began
    const lease = new LeaseTime(this.#terms.keeper.clock);
    lease.grant(anchor.remainingMs);
    if (this.#isLongEnough(lease)) return this.#guard(fence, lease);
    // too uncertain: the next answer says more exactly what is left
    this.#wait().lookAfter(0);
    return undefined;
  }

  /** Whoever handed the lock over has not waited for replicas: that is done here. */
  async #confirmed(fence: bigint): Promise<Guard | undefined> {
    const { keeper, authority, ttlMs } = this.#terms;
    const lease = new LeaseTime(keeper.clock);
    this.#inDoubt = true;
    const { standing, leaseMs } = await authority.extend(this.#claim, ttlMs, CLAIM_MS);
    if (standing === 'held') {
      lease.grant(leaseMs);
      return this.#guard(fence, lease);
    }
    this.#wait().lookAfter(0);
    return undefined;
  }

  #wait(): Waiting {
    if (this.#waiting === undefined) {
      const { keeper, hash } = this.#terms;
      this.#waiting = new Waiting(hash, keeper.clock);
      keeper.inbox.add(this.#claim.token, this.#waiting, this.#heardBefore);
    }
    return this.#waiting;
  }

  #guard(fence: bigint, lease: LeaseTime): Guard {
    if (!this.#terms.keeper.closing) return new Guard(this.#terms, { claim: this.#claim, fence, lease });
    this.#inDoubt = true;
    throw this.#closed();
  }

  /** Whether enough of a lease is left to start work under. */
  #isLongEnough(lease: LeaseTime): boolean {
    return lease.remainingMs >= Math.min(this.#terms.ttlMs, CLAIM_MS) / 2;
  }

  /**
   * The answer took so long that too little of the lease is left to start work under. The next attempt needs a new
   * token, because this one is being given back.
   */
  #refuseStale(): undefined {
    this.#startAnew();
  }

  /** Gives the token back, and goes on with another. */
  #startAnew(): void {
    const { keeper, authority, hash, ttlMs } = this.#terms;
    keeper.withdraw(authority, this.#claim, ttlMs);
    keeper.inbox.remove(this.#claim.token);
    this.#waiting = undefined;
    this.#isQueued = false;
    this.#claim = { hash, token: keeper.newToken() };
    this.#inDoubt = false;
  }

  /** Draws the conclusions from an attempt that failed, and returns what it failed with. */
  #failed(error: unknown): unknown {
    const { hash } = this.#terms;
    const told = withoutWrongType(hash, error);
    if (told !== error) return told;
    // the reason of a signal, whatever it is, says nothing of what was sent
    const wasAborted = this.#patience.signal?.aborted === true;
    this.#inDoubt ||= wasAborted || !(error instanceof ConnectionError && error.outcome === 'not-sent');
    return error;
  }

  /** Throws what another attempt cannot cure. What it returns is the reason to give up when the time is over. */
  #worthAnother(error: unknown, timeoutMs: number): RedisUtilsError | undefined {
    if (!passesByItself(error)) throw error;
    // the last attempt had only the time that was left: its missing answer says less than the refusal before it
    const isLate = error instanceof TimeoutError || error instanceof LockQuorumError;
    const isCutShort = isLate && this.#waitedMs() >= timeoutMs;
    if (this.#refused && isCutShort) return undefined;
    this.#refused = false;
    return error;
  }

  /** Until there is a reason to ask again, or something was pushed. */
  async #pause(leftMs: number, failed: boolean): Promise<void> {
    const { random } = this.#terms.keeper;
    const retryMs = jitteredDelay(this.#attempts - 1, RETRY, random);
    const waiting = this.#wait();
    if (failed) waiting.lookAfter(retryMs);
    // as soon as there is an inbox, the next attempt can wait in the queue
    else if (!this.#isQueued) waiting.lookAfter(Math.min(retryMs, lookDelay(this.#othersLeaseMs, 0, random)));
    await waiting.pause(leftMs, this.#patience.signal);
  }

  /** Takes care of what an attempt may have left behind, and returns the error to throw. */
  #givenUp(error: unknown): unknown {
    const { keeper, authority, ttlMs } = this.#terms;
    if (!this.#inDoubt) return error;
    if (keeper.closing) this.#givingBack = keeper.giveBack(authority, this.#claim, ttlMs);
    else keeper.withdraw(authority, this.#claim, ttlMs);
    return error;
  }

  /** A manager that closes waits for this: what has still to be given back cannot be sent, or sent again, after it. */
  #leave(): void {
    const { keeper } = this.#terms;
    if (this.#waiting !== undefined) keeper.inbox.remove(this.#claim.token);
    if (this.#givingBack === undefined) keeper.leave();
    else void this.#givingBack.then(() => keeper.leave());
  }

  #closed(): ClosedError {
    return new ClosedError('The manager', this.#terms.keeper.endpoint);
  }

  #timedOut(): LockTimeoutError {
    const waitedMs = Math.round(this.#waitedMs());
    return new LockTimeoutError({ key: this.#terms.key, waitedMs, attempts: this.#attempts });
  }

  #waitedMs(): number {
    return this.#terms.keeper.clock.monotonicMs() - this.#startedMs;
  }
}

/** With no time to wait, the one attempt still gets the time of an ordinary command. */
function attemptTime(timeoutMs: number | undefined, waitedMs: number): number | undefined {
  if (timeoutMs === undefined || timeoutMs === 0) return undefined;
  return timeoutMs - waitedMs;
}

/** No answer, or a server that is not ready: worth another attempt while there is time. */
function passesByItself(error: unknown): error is RedisUtilsError {
  if (error instanceof ClosedError) return false;
  if (error instanceof ServerError) return TEMPORARY.has(error.replyCode);
  return error instanceof ConnectionError || error instanceof TimeoutError || error instanceof LockQuorumError;
}
