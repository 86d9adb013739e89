/** A lock, and who asks about it. */
export interface Claim {
  /** The Redis key of the lock. */
  readonly hash: string;
  readonly token: string;
}

/** How a lock is to be held. */
export interface Hold {
  readonly ttlMs: number;
  /** JSON, or '' for none. */
  readonly metadata: string;
  /** Which part of it is wanted, in the words of its script; '' for all of it. */
  readonly shape: string;
}

/** How long one call waits for its answer: at most the manager's command timeout, which is the default. */
export interface Limits {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How an `acquire` that cannot be granted goes on. */
export interface Waits {
  /** For how long the token stands in the queue; 0: not at all. */
  readonly waitMs: number;
  /** Whether it overtakes those who wait where the lock is free. */
  readonly barges: boolean;
}

/** What is known of a token: it holds the lock, nobody does, or somebody else does. */
export type Standing = 'held' | 'expired' | 'stolen';

export interface Grant {
  /** Undefined: others hold the lock. */
  readonly fence: bigint | undefined;
  /** How many wait before the token, if it waits. */
  readonly rank: number | undefined;
  /** How much was left of the lease, ours or the other's, when the server answered. */
  readonly leaseMs: number;
  /** The server's time then. */
  readonly nowMs: number;
}

export interface Extension {
  readonly standing: Standing;
  readonly leaseMs: number;
}

/** Who is to hold a lock next, and how. */
export interface Heir {
  readonly token: string;
  readonly ttlMs: number;
  readonly metadata: string;
}

/** What became of a lock that was to be passed on: `held` by the other token now. */
export interface Passing extends Grant {
  readonly standing: Standing;
}

export interface Told {
  readonly standing: Standing;
}

/**
 * Whoever decides who holds a lock. A token that holds it gets the same grant again; `extend` never shortens and never
 * revives; `release` also takes a token out of the queue.
 */
export interface Authority {
  /** A token that was not granted at once may have left something behind: it is given back, and not used again. */
  readonly spendsTokens: boolean;
  acquire(claim: Claim, hold: Hold, limits: Limits & Waits): Promise<Grant>;
  extend(claim: Claim, ttlMs: number, timeoutMs: number): Promise<Extension>;
  release(claim: Claim, timeoutMs?: number): Promise<Told>;
  verify(claim: Claim, timeoutMs: number): Promise<Told>;
  /** Makes another token the owner in the place of this one. */
  pass(claim: Claim, to: Heir, timeoutMs: number): Promise<Passing>;
  /** Gives the token a fence that is higher than its own. */
  raise(claim: Claim, fence: bigint, timeoutMs: number): Promise<Told>;
}
