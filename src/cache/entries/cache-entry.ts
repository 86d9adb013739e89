/**
 * `fresh`: what `get` returns · `stale`: what `getOrSet` may serve · `over`: kept for a load in progress only ·
 * `not-found`: a loader said that there is no value · `loading`: a load in progress and no value · `other-version`: of
 * another `version` · `cleared`: with its namespace · `invalidated`: by one of its tags · `unreadable`: bytes that are no value of this cache, see `problem` · `other-type`: no string.
 */
export type EntryState =
  | 'fresh'
  | 'stale'
  | 'over'
  | 'not-found'
  | 'loading'
  | 'other-version'
  | 'cleared'
  | 'invalidated'
  | 'unreadable'
  | 'other-type';

/** What is at a key. Times are the server's. */
export interface CacheEntry<T> {
  readonly state: EntryState;
  /** Undefined unless the state is `fresh` or `stale`. */
  readonly value: T | undefined;
  /** Where it was found. */
  readonly tier: 'redis';
  /** Undefined where the entry does not say, as after a plain `set`. */
  readonly createdAt: Date | undefined;
  readonly freshUntil: Date | undefined;
  readonly staleUntil: Date | undefined;
  /**
   * For how long Redis will keep it; undefined for ever, which is nothing that this library writes, and where a loader is
   * told of a stale value.
   */
  readonly expiresInMs: number | undefined;
  /** How long its loader took; undefined where there was none. */
  readonly loadMs: number | undefined;
  readonly tags: readonly string[];
  /** Somebody is loading it, or has failed a moment ago. */
  readonly isLeased: boolean;
  /** In Redis, header included; 0 for another type. */
  readonly bytes: number;
  /** Why it cannot be read. */
  readonly problem: Error | undefined;
}
