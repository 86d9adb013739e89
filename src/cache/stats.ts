import type { Journal, JournalStats } from './journal/journal.js';
import type { NearStats, NearView } from './near/near.js';

/**
 * Why a read found no value. `absent`: there is nothing · `stale`, `over`: its time, or its grace, is over · `loading`: it
 * is being loaded for the first time · `otherVersion`: it is of another `version` · `cleared`, `invalidated`: by `clear`
 * or `invalidateTags` · `schema`: the schema of the call rejects it · `unreadable`: it cannot be decoded · `failed`: Redis
 * did not answer
 */
export type MissReason =
  | 'absent'
  | 'stale'
  | 'over'
  | 'loading'
  | 'otherVersion'
  | 'cleared'
  | 'invalidated'
  | 'schema'
  | 'unreadable'
  | 'failed';

/** Counts since the cache was made, of this cache alone: each namespace counts for itself. */
export interface CacheStats {
  /** Keys that a read found. Reads are `get`, `getMany` (per key), `getOrSet` and `getAndDelete`. */
  readonly hits: number;
  /** Those of them that were found near. */
  readonly nearHits: number;
  /** Keys that a read did not find, or could not use. */
  readonly misses: number;
  /** The same, by the reason. */
  readonly missesBy: Readonly<Record<MissReason, number>>;
  /** Calls of loaders. */
  readonly loads: number;
  /** Calls of `getOrSet` that waited for a load that another call of this process had started. */
  readonly joined: number;
  /** Loads that were not needed, because what another process loaded was waited for. */
  readonly awaited: number;
  /** Stale values that `getOrSet` served. */
  readonly stale: number;
  /** Loaded values that were not stored, because the key was written, removed or marked stale meanwhile. */
  readonly fenced: number;
  /** Failures of the store that went through `onError`. */
  readonly errors: number;
  /** Invalidations that failed and are sent again, of the whole cache and its namespaces. */
  readonly journal: JournalStats;
  /** What is kept near, of the whole cache and its namespaces; undefined where nothing is. */
  readonly near: NearStats | undefined;
}

/** The counters behind `CacheStats`. */
export class Tally {
  hits = 0;
  nearHits = 0;
  readonly misses: Record<MissReason, number> = {
    absent: 0,
    stale: 0,
    over: 0,
    loading: 0,
    otherVersion: 0,
    cleared: 0,
    invalidated: 0,
    schema: 0,
    unreadable: 0,
    failed: 0,
  };
  loads = 0;
  joined = 0;
  awaited = 0;
  stale = 0;
  fenced = 0;
}

export function statsOf(scope: Counted): CacheStats {
  const { hits, nearHits, misses, loads, joined, awaited, stale, fenced } = scope.tally;
  const sum = Object.values(misses).reduce((so, count) => so + count, 0);
  const missesBy = { ...misses };
  const { failures, near, common } = scope;
  const counts = {
    hits,
    nearHits,
    misses: sum,
    missesBy,
    loads,
    joined,
    awaited,
    stale,
    fenced,
    errors: failures.count,
  };
  return { ...counts, journal: common.journal.stats(), near: near?.near.stats() };
}

interface Counted {
  readonly tally: Tally;
  readonly failures: { readonly count: number };
  readonly near: NearView | undefined;
  readonly common: { readonly journal: Journal };
}
