import type { RedisManager } from '../../client/manager.js';
import { checkBoolean, checkKnown, wrong } from '../../core/check.js';
import type { Clock } from '../../core/clock.js';
import { type Duration, toMs } from '../../core/duration.js';
import { Emitter, type Unsubscribe } from '../../core/emitter.js';
import type { KeySpace } from '../../core/key-space.js';
import type { Random } from '../../core/random.js';
import { Keeper } from '../keeper.js';
import type { HoldTerms } from '../options.js';
import type { LockPlace } from '../place.js';
import { admissionTo } from '../safety/admission.js';
import { Fences } from './fences.js';
import { QuorumMember } from './member.js';
import { QuorumCalls } from './quorum-calls.js';

export interface LockQuorumOptions {
  /**
   * The longest lease that may be out on these servers, whoever holds it: 10 ms to 1 d, default `'60s'`. A lock with a
   * longer `ttl` is refused. Every client of these locks should have the same.
   */
  readonly maxLease?: Duration | undefined;
  /**
   * Whether a server that has started less than `maxLease` ago is left out, as it may have forgotten votes. Default
   * `true`. Costs one `INFO` per connection. Does not apply to the embedded engine. A wrapped client does not tell of
   * new connections: there it has to be `false`, and servers have to be started late enough by other means.
   */
  readonly restartGuard?: boolean | undefined;
  /**
   * How long one server may take for an answer before it counts as failed: 1 ms to 1 min, and never more than half of
   * the lock's `ttl`. Default: a twentieth of the `ttl`, at least 50 and at most 200 ms.
   */
  readonly serverTimeout?: Duration | undefined;
}

/** What `quorum.on(...)` tells of. */
export interface LockQuorumEvents {
  /** A failure in the background that no caller awaits: a renewal, a vote that could not be given back. */
  error: { readonly source: string; readonly error: unknown };
}

/**
 * Independent servers that keep locks together: `new DistributedLock(quorum, …)` holds what a majority of them, ⌊N/2⌋+1,
 * has granted, and goes on while a minority of them is away.
 *
 * Guarantee: as for one server (`LockGuard`), as long as no server of a majority forgets what it has granted. A server
 * that has been started anew is left out until whatever it may have forgotten is over (`restartGuard`). Fences rise with
 * each acquisition, whatever minority is away; if a majority has forgotten them, one server after another, as long as the
 * clocks of the clients are not apart by `maxLease`.
 *
 * Not guaranteed: any order of those who wait. No server decides for the others, so there is no queue; whoever waits asks
 * again after 5 to 150 ms, and rivals that split the votes give them back and try again. Messages about a forced release:
 * the holder finds out when it renews. Anything after data of a running server were deleted (`FLUSHALL`, eviction), or a
 * replica has been promoted: give a quorum servers without replicas.
 *
 * For exclusive locks alone: majorities cannot count the permits of a semaphore, because three holders may each have two
 * of three servers with a limit of two on each. An even number is allowed, but bears no more failures than one less.
 *
 * Make one and keep it: it stays with its managers until they close. With the first of them that closes, all of its
 * locks are given back.
 *
 * Source: the Redlock algorithm of the Redis documentation; the fence is a max-register over majorities, as in Attiya,
 * Bar-Noy and Dolev's shared memory.
 *
 * Cost: a call to each server where a lock of one manager costs one, at the same time; a second time if the servers do
 * not agree on the fence at once.
 *
 * @example
 * const quorum = new LockQuorum(await Promise.all(urls.map((url) => RedisManager.connect(url))));
 * const lock = new DistributedLock(quorum, 'invoice:42', '30s');
 */
export class LockQuorum {
  /** How many servers there are. */
  readonly size: number;
  /** How many of them have to agree. */
  readonly needed: number;
  /** All of them, without credentials. */
  readonly endpoint: string;
  /** @internal */ readonly clock: Clock;
  /** @internal */ readonly random: Random;
  /** @internal */ readonly subscriber = undefined;
  readonly #managers: readonly RedisManager[];
  readonly #members: readonly QuorumMember[];
  readonly #maxLeaseMs: number;
  readonly #events = new Emitter<LockQuorumEvents>();
  readonly #keeper: Keeper;
  readonly #calls: QuorumCalls;

  /**
   * @param managers at least 3, each of a server of its own, with one and the same key prefix
   * @throws ConfigError `RU_CONFIG` for a wrong option, a cluster, sentinels, or two managers of one server
   */
  constructor(managers: readonly RedisManager[], options: LockQuorumOptions = {}) {
    const { maxLeaseMs, isGuarded, serverTimeoutMs } = checkOptions(options);
    checkManagers(managers);
    const [first] = managers as readonly [RedisManager];
    this.#managers = [...managers];
    this.#maxLeaseMs = maxLeaseMs;
    this.size = managers.length;
    this.needed = Math.floor(managers.length / 2) + 1;
    this.endpoint = managers.map(({ endpoint }) => endpoint).join(', ');
    this.clock = first.clock;
    this.random = first.random;
    this.#members = this.#managers.map(
      (manager) => new QuorumMember(manager, guardFor(manager, isGuarded, maxLeaseMs)),
    );
    const { needed } = this;
    this.#keeper = new Keeper(this);
    const terms = { members: this.#members, needed, maxLeaseMs, serverTimeoutMs };
    this.#calls = new QuorumCalls(terms, this.#keeper, new Fences(this.clock));
  }

  /** Listens for an event; returns what removes the listener. */
  on<E extends keyof LockQuorumEvents>(event: E, listener: (payload: LockQuorumEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  /** @internal @throws ConfigError for what a quorum cannot do */
  place(terms: HoldTerms): LockPlace {
    checkTerms(terms, this.#maxLeaseMs);
    const { eviction } = terms;
    const admissions = this.#managers.map((manager) => admissionTo(manager, '', { eviction, quarantineMs: 0 }));
    return {
      keeper: this.#keeper,
      authority: this.#calls,
      exec: undefined,
      admission: {
        check() {
          for (const admission of admissions) void admission?.check();
          return undefined;
        },
      },
      inspect: async (hash) => {
        const tenure = await this.#calls.tenure(hash);
        if (tenure === undefined) return undefined;
        const { metadata, fence, remainingMs, heldMs } = tenure;
        return { metadata, fence, remainingMs, heldMs, waiters: [] };
      },
      tenure: (hash) => this.#calls.tenure(hash),
      force: (hash, reason) => this.#calls.force(hash, reason),
    };
  }

  /** @internal */
  keySpace(module: string, prefix?: string): KeySpace {
    return (this.#managers[0] as RedisManager).keySpace(module, prefix);
  }

  /** @internal @throws ConfigError */
  requireAtMostOnce(what: string): void {
    for (const manager of this.#managers) manager.requireAtMostOnce(what);
  }

  /** @internal */
  reportError(source: string, error: unknown): void {
    this.#events.emit('error', { source, error });
  }

  /** @internal Runs once, when the first of the managers begins to close. */
  onClose(hook: () => void | Promise<void>): void {
    let closed: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      await hook();
      for (const { calls } of this.#members) calls.close();
    };
    for (const manager of this.#managers) manager.onClose(() => (closed ??= close()));
  }
}

const LEAST_SERVERS = 3;
const DEFAULT_MAX_LEASE = '60s';
const LEASE_RANGE = { min: 10, max: 86_400_000 };
const TIMEOUT_RANGE = { min: 1, max: 60_000 };

interface CheckedOptions {
  readonly maxLeaseMs: number;
  readonly isGuarded: boolean;
  readonly serverTimeoutMs: number | undefined;
}

function checkOptions(options: LockQuorumOptions): CheckedOptions {
  checkKnown('quorum', options, ['maxLease', 'restartGuard', 'serverTimeout']);
  const { maxLease = DEFAULT_MAX_LEASE, restartGuard = true, serverTimeout } = options;
  return {
    maxLeaseMs: toMs(maxLease, 'quorum.maxLease', LEASE_RANGE),
    isGuarded: checkBoolean('quorum.restartGuard', restartGuard),
    serverTimeoutMs:
      serverTimeout === undefined ? undefined : toMs(serverTimeout, 'quorum.serverTimeout', TIMEOUT_RANGE),
  };
}

function checkManagers(managers: readonly RedisManager[]): void {
  if (!Array.isArray(managers)) throw wrong('quorum.managers', 'a list of managers', managers);
  if (managers.length < LEAST_SERVERS) {
    throw wrong('quorum.managers', `at least ${LEAST_SERVERS}, so that one may fail`, managers.length);
  }
  const endpoints = new Set(managers.map(({ endpoint }) => endpoint));
  if (endpoints.size < managers.length) {
    throw wrong('quorum.managers', 'of servers that differ', managers.length - endpoints.size);
  }
  if (new Set(managers.map((manager) => manager.keySpace('lock').root)).size > 1) {
    throw wrong('quorum.managers', 'with one and the same prefix', managers);
  }
  if (managers.some(({ slotOf, config }) => slotOf !== undefined || config.target.kind === 'sentinel')) {
    throw wrong('quorum.managers', 'each of one server, not of a cluster or of sentinels', managers);
  }
}

/** Which `maxLease` a member's restarts are measured by. */
function guardFor(manager: RedisManager, isGuarded: boolean, maxLeaseMs: number): number | undefined {
  if (!isGuarded || manager.config.target.kind === 'memory') return undefined;
  if (manager.nodes().length === 1) return maxLeaseMs;
  throw wrong('quorum.restartGuard', 'false for wrapped clients, which do not tell of new connections', true);
}

function checkTerms({ ttlMs, barges, replicas, eviction, quarantineMs }: HoldTerms, maxLeaseMs: number): void {
  if (ttlMs > maxLeaseMs) throw wrong('lock.ttl', `at most the quorum's maxLease, ${maxLeaseMs} ms`, ttlMs);
  if (barges) throw wrong('lock.order', 'left out for a quorum, where nobody is before another', 'barge');
  if (replicas !== undefined) throw wrong('lock.replicas', 'left out for a quorum', replicas.count);
  if (quarantineMs > 0) throw wrong('lock.quarantine', 'left out for a quorum (see restartGuard)', quarantineMs);
  if (eviction === 'refuse') throw wrong('lock.eviction', "'warn' or 'allow' for a quorum", eviction);
}
