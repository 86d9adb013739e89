/** Counts since the cache was made, of this cache alone: each namespace counts for itself. */
export interface CacheStats {
  /** Keys that a read found. Reads are `get`, `getMany` (per key), `getOrSet` and `getAndDelete`. */
  readonly hits: number;
  /** Keys that a read did not find, or could not use. */
  readonly misses: number;
  /** Calls of loaders. */
  readonly loads: number;
  /** Calls of `getOrSet` that waited for a load that another call had started. */
  readonly joined: number;
  /** Stale values that `getOrSet` served. */
  readonly stale: number;
  /** Loaded values that were not stored, because the key was written, removed or marked stale meanwhile. */
  readonly fenced: number;
  /** Failures of the store that went through `onError`. */
  readonly errors: number;
}

/** The counters behind `CacheStats`. */
export class Tally {
  hits = 0;
  misses = 0;
  loads = 0;
  joined = 0;
  stale = 0;
  fenced = 0;
}
