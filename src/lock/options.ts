import type { Replicas } from './calls/replicated.js';
import type { EvictionPolicy } from './safety/eviction.js';
import { checkBoolean, checkInteger, checkKnown, checkOneOf, checkText, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';

/** How a lock is held. */
export interface LockOptions {
  /**
   * Whether the lease is renewed while it is held. Default `true`: every third of `ttl`, until release, but no longer
   * than `maxHold` (10 ms to 24 d, default `'1h'`), so that a forgotten guard does not hold a lock for ever.
   */
  readonly renew?: boolean | { readonly maxHold?: Duration | undefined } | undefined;
  /**
   * Who comes next when others wait. `'fifo'` (default): whoever has waited longest, in whatever process. `'barge'`: first
   * those who wait for this lock in the same process, with this order: a release passes it on to the next of them in one
   * round trip, at most 16 times in a row and for 200 ms, then the others have their turn. More throughput, less
   * fairness. A `tryAcquire` finds the lock taken while one of the process waits for it.
   */
  readonly order?: 'fifo' | 'barge' | undefined;
  /**
   * Whether whoever runs within `run` of this lock, by the asynchronous context, holds it already: then `acquire`,
   * `tryAcquire` and `run` give a further guard of the same lease at once, also through another object for the same lock
   * of the same manager. All that the function starts counts as the holder. Default `false`.
   */
  readonly reentrant?: boolean | undefined;
  /**
   * Whether circles are looked for when whoever holds such a lock, by `run`, has waited for another one for a second: who
   * of them began to wait last gets a LockDeadlockError. All that the function starts counts as the holder. All locks
   * concerned must have it. Default `false`. Not for
   * several keys, which are taken in one order anyway, and not for `order: 'barge'`, `reentrant` and a quorum. Costs, per
   * second of such a wait, a command for each lock that is held and two for each link of the chain.
   */
  readonly deadlocks?: boolean | undefined;
  /**
   * How many replicas must know of each grant and each renewal, and how long to wait for them (1 ms to 1 min): else the
   * grant counts for nothing, and the lease is not prolonged. It narrows the gap that a failover leaves, and does not
   * close it: a replica that knew of nothing may be promoted all the same. Costs a connection of its own for the time of
   * each call, and a round trip more. Default: none.
   */
  readonly replicas?: { readonly count: number; readonly timeout: Duration } | undefined;
  /**
   * What to do about a server that may throw locks away when its memory is full (`maxmemory-policy` other than
   * `noeviction`): `'warn'` (default) tells the manager's `'error'` listeners once, `'refuse'` rejects acquisitions with
   * ConfigError, `'allow'` does not look. Costs one `INFO` per connection; in a cluster one node is asked.
   */
  readonly eviction?: 'warn' | 'refuse' | 'allow' | undefined;
  /**
   * For how long nothing is granted after the server has become the primary, or has come back without its data (1 ms to
   * 1 d): as long as the longest lease of any lock on it, so that no lock is granted twice because the grant was lost in
   * a failover. `acquire` waits it out, `tryAcquire` finds nothing meanwhile. Every client of these locks should have it.
   * Default: none. Costs 2 round trips per connection. Not for a cluster, the embedded engine and wrapped clients.
   */
  readonly quarantine?: Duration | undefined;
  /** Facts about the holder that are stored with the lock, at most 4096 bytes as JSON. Not a place for secrets. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Replaces the manager's key prefix. */
  readonly prefix?: string | undefined;
}

/** How long and by whose leave to wait for a lock. */
export interface AcquireOptions {
  /** How long to wait, 0 ms to 24 d, default `'10s'`. 0 asks once. `tryAcquire` waits so long for its one reply. */
  readonly timeout?: Duration | undefined;
  /** Ends the wait with `signal.reason`. Does not end a lock that is held. */
  readonly signal?: AbortSignal | undefined;
}

/** Options after checking. */
export interface HoldTerms {
  readonly ttlMs: number;
  readonly renews: boolean;
  readonly maxHoldMs: number;
  readonly barges: boolean;
  readonly replicas: Replicas | undefined;
  readonly eviction: EvictionPolicy;
  readonly quarantineMs: number;
  readonly metadata: string;
}

// below 10 ms the server's own granularity dominates; a lease of a day is a leak
const TTL_RANGE = { min: 10, max: 86_400_000 };
const MAX_WAIT_MS = 2_073_600_000;
const DEFAULT_MAX_HOLD_MS = 3_600_000;
const DEFAULT_WAIT_MS = 10_000;
const MAX_METADATA_BYTES = 4096;
const MAX_REPLICATION_MS = 60_000;

const MAX_KEYS = 100;

/** The distinct keys, in their order. @throws ConfigError */
export function checkKeys(key: string | readonly string[]): readonly string[] {
  if (typeof key === 'string') return [checkText('lock.key', key)];
  if (!Array.isArray(key) || key.length === 0 || key.length > MAX_KEYS) {
    throw wrong('lock.key', `text, or 1 to ${MAX_KEYS} texts`, key);
  }
  return [...new Set(key.map((each: unknown, index) => checkText(`lock.key[${index}]`, each)))].toSorted();
}

export function checkTtl(ttl: Duration, path: string): number {
  return toMs(ttl, path, TTL_RANGE);
}

/** @throws ConfigError */
export function checkLockOptions(ttl: Duration, options: LockOptions = {}): HoldTerms {
  checkKnown('lock', options, [
    'renew',
    'order',
    'reentrant',
    'deadlocks',
    'replicas',
    'eviction',
    'quarantine',
    'metadata',
    'prefix',
  ]);
  if (options.prefix !== undefined) checkText('lock.prefix', options.prefix);
  const ttlMs = checkTtl(ttl, 'lock.ttl');
  if (options.reentrant !== undefined) checkBoolean('lock.reentrant', options.reentrant);
  if (options.deadlocks !== undefined) checkBoolean('lock.deadlocks', options.deadlocks);
  const { order = 'fifo', eviction = 'warn', quarantine } = options;
  return {
    ttlMs,
    ...checkRenew(options.renew),
    barges: checkOneOf('lock.order', order, ['fifo', 'barge']) === 'barge',
    replicas: checkReplicas(options.replicas),
    eviction: checkOneOf('lock.eviction', eviction, ['warn', 'refuse', 'allow']),
    quarantineMs: quarantine === undefined ? 0 : toMs(quarantine, 'lock.quarantine', { min: 1, max: TTL_RANGE.max }),
    metadata: checkMetadata(options.metadata),
  };
}

function checkRenew(renew: LockOptions['renew'] = true): { renews: boolean; maxHoldMs: number } {
  if (typeof renew !== 'object') {
    return { renews: checkBoolean('lock.renew', renew), maxHoldMs: DEFAULT_MAX_HOLD_MS };
  }
  checkKnown('lock.renew', renew, ['maxHold']);
  const { maxHold = DEFAULT_MAX_HOLD_MS } = renew;
  return { renews: true, maxHoldMs: toMs(maxHold, 'lock.renew.maxHold', { min: TTL_RANGE.min, max: MAX_WAIT_MS }) };
}

function checkReplicas(replicas: LockOptions['replicas']): Replicas | undefined {
  if (replicas === undefined) return undefined;
  checkKnown('lock.replicas', replicas, ['count', 'timeout']);
  return {
    count: checkInteger('lock.replicas.count', replicas.count, { min: 1, max: 100 }),
    timeoutMs: toMs(replicas.timeout, 'lock.replicas.timeout', { min: 1, max: MAX_REPLICATION_MS }),
  };
}

function checkMetadata(metadata: LockOptions['metadata']): string {
  if (metadata === undefined) return '';
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw wrong('lock.metadata', 'an object of strings', metadata);
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || !value.isWellFormed()) throw wrong(`lock.metadata.${name}`, 'a string', value);
  }
  const json = JSON.stringify(metadata);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_METADATA_BYTES) throw wrong('lock.metadata', `at most ${MAX_METADATA_BYTES} bytes of JSON`, bytes);
  return json;
}

/** How long one call waits: `undefined` is the default. */
export interface Patience {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_PATIENCE: Patience = { timeoutMs: undefined, signal: undefined };
const ACQUIRE_OPTIONS: readonly string[] = ['timeout', 'signal'];

/** @throws ConfigError */
export function checkPatience(options: AcquireOptions | undefined, known = ACQUIRE_OPTIONS): Patience {
  if (options === undefined) return DEFAULT_PATIENCE;
  checkKnown('acquire', options, known);
  const { timeout, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrong('acquire.signal', 'an AbortSignal', signal);
  const timeoutMs = timeout === undefined ? undefined : toMs(timeout, 'acquire.timeout', { min: 0, max: MAX_WAIT_MS });
  return { timeoutMs, signal };
}

export { DEFAULT_WAIT_MS };
