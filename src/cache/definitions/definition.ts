import type { Duration } from '../../core/duration.js';
import type { LoadContext, LoadOptions, ManyLoader, WriteOptions } from '../options.js';

interface NamedSpec<K, T> extends Omit<LoadOptions<T>, 'force' | 'signal' | 'tags'> {
  /** What its values are kept under: the same name in every process, another for every other definition. */
  readonly name: string;
  /** The version of the values' shape, as in `CacheOptions`. */
  readonly version?: string | undefined;
  /**
   * What tells one id from another, as plain data, dates or bytes. Default: the id itself, which must then be that. What is
   * in it counts: `{ a: 1, b: 2 }` is `{ b: 2, a: 1 }`; `1` is not `'1'`.
   */
  readonly key?: ((id: K) => unknown) | undefined;
  /** What `invalidateTags` of this cache may call the values by: the same for all, or made of the id. */
  readonly tags?: readonly string[] | ((id: K) => readonly string[]) | undefined;
}

/** Values that are loaded one by one. */
export interface LoadOneSpec<K, T> extends NamedSpec<K, T> {
  /** Brings the value of an id that the cache does not have, as a loader of `getOrSet` does. */
  readonly load: (id: K, context: LoadContext) => T | Promise<T>;
  readonly loadMany?: undefined;
  readonly maxBatch?: undefined;
}

/** Values that are loaded together. */
export interface LoadManySpec<K, T> extends NamedSpec<K, T> {
  readonly load?: undefined;
  /**
   * Brings the values of all ids that are to be loaded here and become known as such in one tick, whichever calls want them. The
   * map has the very ids that it was given: for ids that are objects, the same objects. An id that is not in the map has
   * no value: nothing is stored. It never gets two ids of the same key.
   */
  readonly loadMany: ManyLoader<T, K>;
  /** Ids per call of `loadMany`; further ones go to further calls at the same time. Default: 128. */
  readonly maxBatch?: number | undefined;
}

/** What a definition is: a name, and where its values come from. */
export type DefinitionSpec<K, T> = LoadOneSpec<K, T> | LoadManySpec<K, T>;

/** As in `LoadOptions`, for one call. */
export type DefinedCallOptions = Pick<LoadOptions<unknown>, 'timeout' | 'signal' | 'force'>;

/** Tags are the definition's. */
export type DefinedWriteOptions = Omit<WriteOptions, 'tags'>;

/**
 * Values of one name, each known by an id. All calls reject with `ConfigError` for ids that are no plain data, and
 * otherwise as the method of the cache that they stand for, whose guarantees and costs they have.
 */
export interface Definition<K, T> {
  /**
   * The stored value, else a loaded one: `getOrSet`. With `loadMany`, all ids of one tick that have to be loaded here
   * share one call of it. Each keeps its own lease, fence, grace and early refresh. A call that takes longer
   * than the others of its tick to find out whether it loads (a slow node, a schema that takes its time) makes them wait
   * at most 10 ms, or once more for as long as it has taken so far.
   */
  get(id: K, options?: DefinedCallOptions): Promise<T>;
  /**
   * A `get` for each id. The map has the ids that have a value, in the order in which they were asked for; ids that are
   * of one key are loaded once and share one value. Rejects with the first failure.
   */
  getMany(ids: readonly K[], options?: DefinedCallOptions): Promise<Map<K, Exclude<T, undefined>>>;
  /** The stored value, if there is a fresh one to the schema's taste; loads nothing: `get` of the cache. */
  peek(id: K): Promise<T | undefined>;
  /**
   * Stores a value, with the definition's lifetime, unless another is given, and its tags: `set` of the cache. The schema is not asked:
   * what it rejects will be a miss.
   */
  set(id: K, value: Exclude<T, undefined>, ttl?: Duration | DefinedWriteOptions): Promise<void>;
  /** Loads in any case; a load that is in progress is not stored: `get` with `force`. */
  refresh(id: K): Promise<T>;
  /** Removes values, and keeps what is being loaded for them from being stored: `delete`. Returns how many there were. */
  invalidate(...ids: K[]): Promise<number>;
  /** Ends the freshness of values: `markStale` of the cache. Returns how many there are to be served as stale. */
  markStale(...ids: K[]): Promise<number>;
}
