import { checkInteger, checkKnown, checkOneOf } from '../../core/check.js';
import { type Duration, toMs } from '../../core/duration.js';

/**
 * What callers get of a value that is kept near. `freeze`: plain objects and arrays are shared and frozen, anything else is
 * decoded for each. `clone`: everything is decoded for each. `share`: one object for all, who must not change it.
 */
export type NearIsolation = 'freeze' | 'clone' | 'share';

/**
 * How processes hear of changes. `tracking`: the server tells (`CLIENT TRACKING`), of everything. `pubsub`: each process tells
 * the others what it changes itself, for servers and proxies that do not know tracking.
 */
export type NearCoherence = 'tracking' | 'pubsub';

/** Values kept in the memory of the process, in front of Redis. */
export interface NearOptions {
  /** How many at most; those go first that were not used for longest. Default: 10,000. */
  readonly maxEntries?: number | undefined;
  /**
   * How many bytes at most: of the entries as Redis has them, with their keys, and 200 for each. As objects values
   * take a multiple of that. Default: 64 MiB.
   */
  readonly maxBytes?: number | undefined;
  /** For how long at most a value is kept near, if it is fresh for longer. Default: for as long as it is fresh. */
  readonly ttl?: Duration | undefined;
  /**
   * How old a value may be at most that is served from near: what was changed, removed or invalidated longer ago is
   * never served. Without a word from the server for so long everything is read from Redis. At least 100 ms; default: 5 s.
   */
  readonly maxStaleness?: Duration | undefined;
  /** Default: `freeze`. */
  readonly isolation?: NearIsolation | undefined;
  /**
   * Default: `tracking`. With `pubsub` every process that writes to this cache must say so, even one that never reads. Not told
   * is what other programs do to the keys, what expires (a copy ends by its own time), and what was changed by a process
   * that died before it told; in a cluster `maxStaleness` is no hard bound, because nodes may lose messages between them. Cost: two
   * `PUBLISH` per write or per tick of them, and one per second and process, which all processes hear.
   */
  readonly coherence?: NearCoherence | undefined;
}

const NEAR_OPTIONS = ['maxEntries', 'maxBytes', 'ttl', 'maxStaleness', 'isolation', 'coherence'] as const;
const ISOLATIONS = ['freeze', 'clone', 'share'] as const;
const COHERENCES = ['tracking', 'pubsub'] as const;

export interface NearPlan {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly maxStalenessMs: number;
  readonly isolation: NearIsolation;
  readonly coherence: NearCoherence;
}

/** @throws ConfigError */
export function planNear(options: NearOptions): NearPlan {
  checkKnown('cache.near', options, NEAR_OPTIONS);
  const { maxEntries = 10_000, maxBytes = 64 * 1024 * 1024, ttl, maxStaleness = '5s', isolation = 'freeze' } = options;
  const { coherence = 'tracking' } = options;
  return {
    maxEntries: checkInteger('cache.near.maxEntries', maxEntries, { min: 1, max: 100_000_000 }),
    maxBytes: checkInteger('cache.near.maxBytes', maxBytes, { min: 1, max: Number.MAX_SAFE_INTEGER }),
    ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : toMs(ttl, 'cache.near.ttl'),
    maxStalenessMs: toMs(maxStaleness, 'cache.near.maxStaleness', { min: 100, max: 86_400_000 }),
    isolation: checkOneOf('cache.near.isolation', isolation, ISOLATIONS),
    coherence: checkOneOf('cache.near.coherence', coherence, COHERENCES),
  };
}
