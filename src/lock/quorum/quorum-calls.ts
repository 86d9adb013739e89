import { ignore } from '../../core/abort.js';
import { wrong } from '../../core/check.js';
import { ConnectionError, ServerError, TimeoutError } from '../../core/errors.js';
import type { Authority, Claim, Extension, Grant, Hold, Limits, Standing, Told } from '../calls/authority.js';
import type { LockCalls } from '../calls/lock-calls.js';
import type { Tenure } from '../calls/tenure.js';
import { LockQuorumError, LockServerRestartedError } from '../errors.js';
import type { Keeper } from '../keeper.js';
import { Ballot } from './ballot.js';
import type { Fences } from './fences.js';
import { type Gathered, gather } from './gather.js';
import type { QuorumMember } from './member.js';
import { majorityTenure } from './majority-tenure.js';

export interface QuorumTerms {
  readonly members: readonly QuorumMember[];
  /** How many must agree. */
  readonly needed: number;
  readonly maxLeaseMs: number;
  /** How long one server may take; undefined: as the ttl allows. */
  readonly serverTimeoutMs: number | undefined;
}

type Votes<T> = Gathered<QuorumMember, T>;

/**
 * The lock calls of many independent servers, of which a majority decides (Redlock). Each server is asked what a lone one
 * is asked, in the same moment; a call is over as soon as the answers that are there decide it.
 *
 * Two majorities have a server in common, and that gives its vote to one token at a time.
 */
export class QuorumCalls implements Authority {
  readonly spendsTokens = true;
  readonly #terms: QuorumTerms;
  readonly #keeper: Keeper;
  readonly #fences: Fences;
  readonly #ballots = new WeakMap<Claim, Ballot>();

  constructor(terms: QuorumTerms, keeper: Keeper, fences: Fences) {
    this.#terms = terms;
    this.#keeper = keeper;
    this.#fences = fences;
  }

  /** No fence: too many votes are another's. Then the lease is how long they last at least, if nobody gives them back. */
  async acquire(claim: Claim, hold: Hold, { timeoutMs, signal }: Limits): Promise<Grant> {
    const ballot = new Ballot({ ...hold, shape: this.#fences.propose() });
    this.#ballots.set(claim, ballot);
    const limitMs = this.#limitMs(hold.ttlMs, timeoutMs);
    const votes = await this.#ask((member) => this.#askFor({ claim, ballot, member, limitMs, signal }), isGranted);
    signal?.throwIfAborted();
    const granted = votes.answers.filter(({ answer }) => isGranted(answer));
    const refused = votes.answers.filter(({ answer }) => !isGranted(answer)).map(({ answer }) => answer);
    if (granted.length < this.#terms.needed) {
      if (!this.#isReachable(votes)) throw this.#failure(votes, ballot);
      return refusal(refused, this.#terms.needed - granted.length);
    }
    const fence = await this.#fences.agree(granted, (member, least) =>
      member.vote(limitMs, (calls) => calls.raise(claim, least, limitMs)),
    );
    if (fence === undefined) return refusal(refused, 1);
    ballot.agree(fence);
    const leaseMs = Math.min(...granted.map(({ answer }) => answer.leaseMs));
    return { fence, rank: undefined, leaseMs, nowMs: 0 };
  }

  /** Votes that a server has forgotten, or had not given, are asked for again while a majority holds. */
  async extend(claim: Claim, ttlMs: number, timeoutMs: number): Promise<Extension> {
    const { maxLeaseMs, members } = this.#terms;
    if (ttlMs > maxLeaseMs) throw wrong('extend.ttl', `at most the quorum's maxLease, ${maxLeaseMs} ms`, ttlMs);
    const ballot = this.#ballots.get(claim);
    if (ballot !== undefined) ballot.leaseMs = Math.max(ballot.leaseMs, ttlMs);
    const limitMs = this.#limitMs(ttlMs, timeoutMs);
    const asked = new Map(
      members.map((member) => [member, member.vote(limitMs, (calls) => calls.extend(claim, ttlMs, limitMs))]),
    );
    const votes = await this.#ask((member) => asked.get(member) as Promise<Extension>, isHeld);
    const standing = this.#standing(votes, ballot);
    if (standing !== 'held') {
      this.release(claim).catch(ignore);
      return { standing, leaseMs: 0 };
    }
    if (ballot !== undefined)
      for (const [member, answer] of asked) this.#mend(answer, { claim, ballot, member, limitMs });
    const held = votes.answers.filter(({ answer }) => isHeld(answer));
    return { standing, leaseMs: Math.min(...held.map(({ answer }) => answer.leaseMs)) };
  }

  verify(claim: Claim, timeoutMs: number): Promise<Told> {
    return this.#agreed(claim, timeoutMs, (calls, limitMs) => calls.verify(claim, limitMs));
  }

  async raise(claim: Claim, fence: bigint, timeoutMs: number): Promise<Told> {
    const told = await this.#agreed(claim, timeoutMs, (calls, limitMs) => calls.raise(claim, fence, limitMs));
    if (isHeld(told)) this.#ballots.get(claim)?.agree(fence);
    return told;
  }

  /** Nobody waits within the process for what a quorum decides. */
  pass(claim: Claim): Promise<never> {
    return Promise.reject(wrong('lock.order', 'left out for a quorum', claim.hash));
  }

  /** Every server that may have given a vote is asked until it has answered, or the vote has ended; not all are waited for. */
  async release(claim: Claim, timeoutMs?: number): Promise<Told> {
    const ballot = this.#ballots.get(claim);
    if (ballot === undefined || ballot.isClosed) return { standing: 'expired' };
    ballot.isClosed = true;
    const limitMs = this.#limitMs(ballot.hold.ttlMs, timeoutMs);
    const giveBack = async ({ calls }: QuorumMember): Promise<Told> => {
      try {
        return await calls.release(claim, limitMs);
      } catch (error) {
        this.#keeper.withdraw(calls, claim, ballot.leaseMs);
        throw error;
      }
    };
    const votes = await this.#ask(giveBack, isHeld, [...ballot.voters]);
    return { standing: this.#standing(votes, ballot) };
  }

  async tenure(hash: string): Promise<Tenure | undefined> {
    const { members, needed } = this.#terms;
    const limitMs = this.#limitMs(DEFAULT_TTL_MS, undefined);
    const ask = (member: QuorumMember): Promise<Tenure | undefined> => member.tenure(hash, limitMs);
    const votes = await gather(members, ask, (soFar) => majorityTenure(soFar, needed) !== 'open');
    const tenure = majorityTenure(votes, needed);
    if (tenure === 'open' || (tenure === undefined && !this.#isReachable(votes))) throw this.#failure(votes);
    return tenure;
  }

  async force(hash: string, reason: string): Promise<boolean> {
    const ask = ({ calls }: QuorumMember): Promise<Told> =>
      calls.force(hash, reason, this.#limitMs(DEFAULT_TTL_MS, undefined));
    const votes = await gather(this.#terms.members, ask, () => false);
    if (!this.#isReachable(votes)) throw this.#failure(votes);
    return votes.answers.some(({ answer }) => isHeld(answer));
  }

  async #agreed(
    claim: Claim,
    timeoutMs: number,
    ask: (calls: LockCalls, limitMs: number) => Promise<Told>,
  ): Promise<Told> {
    const ballot = this.#ballots.get(claim);
    const limitMs = this.#limitMs(ballot?.hold.ttlMs ?? timeoutMs, timeoutMs);
    const votes = await this.#ask((member) => member.vote(limitMs, (calls) => ask(calls, limitMs)), isHeld);
    return { standing: this.#standing(votes, ballot) };
  }

  /** As soon as enough say yes, or cannot any more. */
  #ask<T>(
    ask: (member: QuorumMember) => Promise<T>,
    isYes: (answer: T) => boolean,
    of = this.#terms.members,
  ): Promise<Votes<T>> {
    const { needed } = this.#terms;
    return gather(of, ask, ({ answers, pending }) => {
      const yes = answers.filter(({ answer }) => isYes(answer)).length;
      return yes >= needed || yes + pending < needed;
    });
  }

  async #askFor({ claim, ballot, member, limitMs, signal }: VoteRequest): Promise<Grant> {
    const { hold, voters } = ballot;
    try {
      const grant = await member.vote(limitMs, (calls) => {
        // it would come after what gives the votes back
        if (ballot.isClosed) throw new TimeoutError('lock.acquire', limitMs, { outcome: 'not-sent' });
        voters.add(member);
        return calls.acquire(claim, hold, { timeoutMs: limitMs, signal, waitMs: 0, barges: false });
      });
      if (grant.fence === undefined) voters.delete(member);
      return grant;
    } catch (error) {
      if (wasNotSent(error)) voters.delete(member);
      throw error;
    }
  }

  #mend(answer: Promise<Extension>, request: VoteRequest): void {
    answer.then(async ({ standing }) => (standing === 'expired' ? this.#askFor(request) : undefined)).catch(ignore);
  }

  /** @throws LockQuorumError when too many have not answered to tell */
  #standing(votes: Votes<Told>, ballot: Ballot | undefined): Standing {
    const { needed } = this.#terms;
    const count = (wanted: Standing): number => votes.answers.filter(({ answer }) => answer.standing === wanted).length;
    const held = count('held');
    if (held >= needed) return 'held';
    if (held + votes.failures.length + votes.pending >= needed) throw this.#failure(votes, ballot);
    return count('stolen') >= needed ? 'stolen' : 'expired';
  }

  /** Whether those who have not failed are enough. */
  #isReachable({ failures }: Votes<unknown>): boolean {
    return failures.length <= this.#terms.members.length - this.#terms.needed;
  }

  /** What too many of the servers say by themselves is said as if there were one. */
  #failure({ failures }: Votes<unknown>, ballot?: Ballot): unknown {
    const { members, needed } = this.#terms;
    const lasting = failures.filter((failure) => !passes(failure));
    if (lasting.length > members.length - needed) return lasting[0];
    const outcome = ballot === undefined || ballot.voters.size > 0 ? 'unknown' : 'not-sent';
    return new LockQuorumError({ needed, servers: members.length, outcome, failures });
  }

  #limitMs(ttlMs: number, timeoutMs = Infinity): number {
    const { serverTimeoutMs = Math.min(MOST_TIMEOUT_MS, Math.max(LEAST_TIMEOUT_MS, ttlMs / 20)) } = this.#terms;
    return Math.max(1, Math.ceil(Math.min(timeoutMs, serverTimeoutMs, ttlMs / 2)));
  }
}

interface VoteRequest {
  readonly claim: Claim;
  readonly ballot: Ballot;
  readonly member: QuorumMember;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What one server may take by default: a twentieth of the ttl, between these. */
const LEAST_TIMEOUT_MS = 50;
const MOST_TIMEOUT_MS = 200;
/** Of a lock whose own is not known here. */
const DEFAULT_TTL_MS = 10_000;

function isGranted({ fence }: Grant): boolean {
  return fence !== undefined;
}

function isHeld({ standing }: Told): boolean {
  return standing === 'held';
}

/** @param missing how many votes more are needed */
function refusal(refused: readonly Grant[], missing: number): Grant {
  const ends = refused.map(({ leaseMs }) => leaseMs).toSorted((a, b) => a - b);
  return { fence: undefined, rank: undefined, leaseMs: ends[Math.min(missing, ends.length) - 1] ?? 0, nowMs: 0 };
}

function passes(error: unknown): boolean {
  if (error instanceof ServerError) return error.retryable;
  return error instanceof ConnectionError || error instanceof TimeoutError || error instanceof LockServerRestartedError;
}

function wasNotSent(error: unknown): boolean {
  return (error instanceof ConnectionError || error instanceof TimeoutError) && error.outcome === 'not-sent';
}
