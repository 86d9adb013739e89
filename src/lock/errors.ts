import { identify, type Outcome, RedisUtilsError } from '../core/errors.js';

/** Somebody else held the lock for as long as `acquire` was allowed to wait. Nothing is held afterwards. */
export class LockTimeoutError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_TIMEOUT';
  readonly key: string;
  readonly waitedMs: number;
  /** How many times the server was asked. */
  readonly attempts: number;

  static {
    identify(this, 'LockTimeoutError', 'RU_LOCK_TIMEOUT');
  }

  constructor(facts: { key: string; waitedMs: number; attempts: number }) {
    super(
      `The lock '${facts.key}' was held by others for ${facts.waitedMs} ms (${facts.attempts} attempts) – ` +
        'it is not held now; wait longer or try again later',
    );
    this.key = facts.key;
    this.waitedMs = facts.waitedMs;
    this.attempts = facts.attempts;
  }
}

/**
 * Why a lock can no longer be relied on:
 * - `expired`: the lease ended, by the local clock or by the server's, without a renewal that was refused or late.
 * - `stolen`: the server names another owner.
 * - `forced`: somebody called `forceRelease`; the cause says with which reason.
 * - `renewal-timeout`: renewals were sent and got no answer before the lease ended.
 * - `max-hold`: it was held for `renew.maxHold`, so renewal stopped and the lease ended.
 * - `closed`: the manager was closed.
 * - `released`: the guard was used after its own release.
 * - `ending`: it is still held, but not for as long as `assertHeld(minMs)` asked for.
 */
export type LockLostReason =
  | 'expired'
  | 'stolen'
  | 'forced'
  | 'renewal-timeout'
  | 'max-hold'
  | 'closed'
  | 'released'
  | 'ending';

const WHY: Readonly<Record<LockLostReason, string>> = {
  expired: 'its lease has ended',
  stolen: 'the server names another owner',
  forced: 'it was taken away by forceRelease',
  'renewal-timeout': 'no renewal was answered before its lease ended',
  'max-hold': 'it was held for the longest time allowed, then its lease ended',
  closed: 'the manager was closed',
  released: 'it has been released',
  ending: 'less time is left than was asked for',
};

/** The lock is not held, or not held for long enough: whatever it protects may belong to somebody else now. */
export class LockLostError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_LOST';
  readonly key: string;
  readonly fence: bigint;
  readonly reason: LockLostReason;

  static {
    identify(this, 'LockLostError', 'RU_LOCK_LOST');
  }

  constructor(facts: { key: string; fence: bigint; reason: LockLostReason; cause?: unknown }) {
    super(
      `The lock '${facts.key}' (fence ${facts.fence}) cannot be relied on: ${WHY[facts.reason]} – stop the work it protects`,
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.key = facts.key;
    this.fence = facts.fence;
    this.reason = facts.reason;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), fence: String(this.fence) };
  }
}

/**
 * Whoever holds a lock, waits for another, whose holder waits for another … whose holder waits for the first: nobody of
 * them would ever go on. Thrown to the one who began to wait last, when it has been seen twice.
 */
export class LockDeadlockError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_DEADLOCK';
  readonly key: string;
  /** The Redis keys of the locks in the circle, in the order in which they are waited for. */
  readonly cycle: readonly string[];

  static {
    identify(this, 'LockDeadlockError', 'RU_LOCK_DEADLOCK');
  }

  constructor({ key, cycle }: { key: string; cycle: readonly string[] }) {
    super(
      `Waiting for the lock '${key}' would never end: its holders wait for each other (${cycle.join(' → ')}) – take locks in ` +
        'one order, or several at once',
    );
    this.key = key;
    this.cycle = cycle;
  }
}

/**
 * Too few replicas have confirmed in time that they know of a grant or a renewal. Nothing is held afterwards: what was
 * granted is given back.
 */
export class LockReplicationError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_REPLICATION';
  readonly wanted: number;
  readonly acknowledged: number;

  static {
    identify(this, 'LockReplicationError', 'RU_LOCK_REPLICATION');
  }

  constructor({ wanted, acknowledged }: { wanted: number; acknowledged: number }) {
    super(
      `Only ${acknowledged} of ${wanted} replicas have confirmed the lock in time – look after the replicas, or ask for ` +
        'fewer of them, or give them more time (`replicas`)',
    );
    this.wanted = wanted;
    this.acknowledged = acknowledged;
  }
}

/**
 * Too few servers of a `LockQuorum` gave an answer that counts. `cause` is an AggregateError with what each of the others
 * failed with. What may have been granted is given back in the background.
 */
export class LockQuorumError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_QUORUM';
  /** How many servers must agree. */
  readonly needed: number;
  /** How many there are. */
  readonly servers: number;
  /** How many have failed. */
  readonly failed: number;
  /** `not-sent`: no server can have run it. */
  readonly outcome: Outcome;
  /** Trying again later may succeed. */
  readonly retryable = true;

  static {
    identify(this, 'LockQuorumError', 'RU_LOCK_QUORUM');
  }

  constructor(facts: { needed: number; servers: number; outcome: Outcome; failures: readonly unknown[] }) {
    const { needed, servers, outcome, failures } = facts;
    const why = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
    super(`${needed} of ${servers} servers have to agree, and ${failures.length} failed: ${why.join('; ')}`, {
      cause: new AggregateError(failures, 'what the servers failed with'),
    });
    this.needed = needed;
    this.servers = servers;
    this.failed = failures.length;
    this.outcome = outcome;
  }
}

/** A server of a `LockQuorum` has started so recently that it may have forgotten votes: its own do not count yet. */
export class LockServerRestartedError extends RedisUtilsError {
  declare readonly code: 'RU_LOCK_SERVER_RESTARTED';
  readonly endpoint: string;
  /** For how much longer; 0: it was connected to anew while it was asked. */
  readonly remainingMs: number;

  static {
    identify(this, 'LockServerRestartedError', 'RU_LOCK_SERVER_RESTARTED');
  }

  constructor({ endpoint, remainingMs }: { endpoint: string; remainingMs: number }) {
    super(
      remainingMs > 0
        ? `${endpoint} has started a short time ago – its votes count in ${remainingMs} ms`
        : `${endpoint} was connected to anew – its vote does not count`,
    );
    this.endpoint = endpoint;
    this.remainingMs = remainingMs;
  }
}
