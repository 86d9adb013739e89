import type { RedisManager } from '../client/manager.js';
import type { Duration } from '../core/duration.js';
import { defineValues } from './definitions/define.js';
import type { Definition, DefinitionSpec, LoadManySpec, LoadOneSpec } from './definitions/definition.js';
import type { CacheEntry } from './entries/cache-entry.js';
import { explain } from './reads/explain.js';
import type { CacheEvents } from './events.js';
import { increment } from './increment.js';
import { clear, type InvalidateOptions, invalidateTags, markStale, remove } from './invalidations.js';
import { loadMany } from './loads/load-many.js';
import { loadThrough } from './loads/load-through.js';
import type {
  CacheOptions,
  Loader,
  LoadOptions,
  ManyLoader,
  NamespaceOptions,
  ReadOptions,
  WriteOptions,
} from './options.js';
import { holdsValue, readMany, readOne, take } from './reads/reads.js';
import { Scope } from './scope.js';
import { type CacheStats, statsOf } from './stats.js';
import { type Wrapped, wrapFunction, type WrapSpec } from './wrap.js';
import { cacheTraces, tracedCall } from './trace.js';
import { touch, writeAll, writeIfAbsent, writeOne, type Writing } from './writes.js';

/**
 * Values under keys of Redis, each with an expiry.
 *
 * `null` is a value; `undefined` is a miss and is never stored. Every caller gets a value of its own, decoded from
 * what is stored: changing it changes nobody else's. Where values are kept `near`, what is shared is frozen.
 *
 * **When Redis fails.** Under `onError: 'open'` (the default) a failing store is no failure of the call: what cannot
 * be read or decoded is a miss, `set` and `setMany` resolve, `has` says false, `delete` says 0, and an `'error'` event
 * tells. Invalidations that failed, and removals in the place of a `set` that did, are sent again before the next read of
 * this process when Redis answers; they are lost with the process. Under `'throw'` these calls reject, and nothing is sent
 * again. In both modes a loader's error reaches the caller; `increment`, `setIfAbsent`,
 * `getAndDelete` and `touch` reject, because any answer would be a lie; wrong arguments (`ConfigError`), values that
 * cannot be stored (`SerializationError`) and calls after `close()` (`ClosedError`) reject before anything is sent.
 *
 * **Order.** Calls on one key take effect in the order in which they were made, in this process; except for those that
 * are scripts (`increment`, `setIfAbsent`, `touch`, `markStale`, a `set` with grace) and meet a server which does not know
 * them yet: they are sent again; and a `set` after a `clear` or `invalidateTags` that another process made since this one
 * looked is not seen before it has resolved. Concurrent `get`s of one tick, from all namespaces, travel as one `MGET`.
 *
 * **Loads.** Across all processes, at most one load per key is in progress, for as long as Redis answers and its lease is
 * renewed. What removes, replaces, expires or evicts the entry meanwhile, even a raw `DEL`, ends its right to store, and
 * what is loaded across an `invalidateTags` or a `clear` counts for nothing: no value is stored whose load began before, and
 * no later `getOrSet` is given it. Not promised: anything about a source that
 * answers with old data after the invalidation (a lagging replica), and invalidations that Redis itself forgets in a
 * failover. The lease is given up when the process stands still for longer than it lasts; then two may load, and one is
 * stored.
 *
 * **Freshness.** What is loaded is fresh for its `ttl`, then stale for its `grace`. Times are the server's: a value is
 * never taken for fresh after its end, by the clock of the server that was asked last.
 *
 * **Values kept near** (`near`) are never older than `maxStaleness`, fresh by the server's clock, and not served any more
 * when this process has changed them; see `NearOptions`.
 *
 * **A client that sends again what may have run** (`manager.capabilities.atMostOnce` is false: a wrapped ioredis with its
 * defaults). `increment`, `setIfAbsent` and `getAndDelete` reject with `ConfigError`; a `set` or `delete` may take effect
 * once more, over what others have written meanwhile.
 *
 * @example
 * const cache = new CacheManager(manager, '5m');
 * const user = await cache.getOrSet(`user:${id}`, () => db.user(id), '1h');
 */
export class CacheManager implements AsyncDisposable {
  readonly #scope: Scope;

  /**
   * @param manager    the connection; it stays the caller's, `close()` does not close it
   * @param defaultTtl lifetime of what is written without a `ttl`
   * @throws ConfigError `RU_CONFIG`
   */
  constructor(manager: RedisManager, defaultTtl: Duration, options?: CacheOptions);
  /** @internal a namespace */
  constructor(manager: RedisManager, defaultTtl: Duration, scope: Scope);
  constructor(manager: RedisManager, defaultTtl: Duration, options: CacheOptions | Scope = {}) {
    this.#scope = options instanceof Scope ? options : Scope.root(manager, defaultTtl, options);
  }

  /** The connection it was made with. */
  get manager(): RedisManager {
    return this.#scope.common.manager;
  }

  /** How values are written, as given here or to the manager. */
  get codecOptions(): CacheOptions['codec'] {
    return this.#scope.codecOptions;
  }

  /** The `prefix` it was made with; undefined for the manager's own. */
  get prefix(): string | undefined {
    return this.#scope.common.prefix;
  }

  /**
   * Reads a value.
   * @returns undefined for a miss: no entry, one of another `version`, or a key of another type
   * @throws under `'throw'`: ServerError, ConnectionError, TimeoutError, DecodeError, ForeignValueError, EncryptionError
   * Cost: one `GET`, or a share of the `MGET` of this tick.
   */
  get<T>(key: string, options?: ReadOptions): Promise<T | undefined> {
    return this.#call('get', key, (scope) => readOne(scope, key, options)) as Promise<T | undefined>;
  }

  /**
   * Reads several values. The map has the keys that were found, in the order in which they were asked for.
   * @throws as `get`
   * Cost: one round trip, one `MGET` per 128 keys.
   */
  getMany<T>(keys: readonly string[], options?: ReadOptions): Promise<Map<string, T>> {
    return this.#call('getMany', undefined, (scope) => readMany(scope, keys, options)) as Promise<Map<string, T>>;
  }

  /**
   * Whether `get` would find a value, as far as can be told without decoding it.
   * Cost: as `get`.
   */
  has(key: string): Promise<boolean> {
    return this.#call('has', key, (scope) => holdsValue(scope, key));
  }

  /**
   * Stores a value, over whatever the key holds. What is being loaded for it, in any process, is not stored.
   * @throws SerializationError for a value that would not come back as it is; ConfigError for `undefined`
   * Cost: one `SET`, with grace one script.
   */
  set<T>(key: string, value: T, ttl?: Duration | WriteOptions): Promise<void> {
    return this.#call('set', key, (scope) => writeOne(scope, { key, value, ttl }));
  }

  /**
   * Stores several values, each as `set` does; not a transaction. All are checked and encoded before any is sent.
   * @throws PartialWriteError `RU_CACHE_PARTIAL_WRITE` under `'throw'`: which keys were not confirmed, and why. Under
   *         `'open'` each of them is an `'error'` event.
   * Cost: one round trip, one `SET` per entry.
   */
  setMany<T>(entries: Iterable<readonly [string, T]>, ttl?: Duration | WriteOptions): Promise<void> {
    const writings = (): Writing[] => Array.from(entries, ([key, value]) => ({ key, value, ttl }));
    return this.#call('setMany', undefined, (scope) => writeAll(scope, writings()));
  }

  /**
   * Removes entries. What is being loaded for them, in any process, is not stored.
   * @returns how many there were. Under `'open'` 0 when Redis failed, and an `'error'` event.
   * Cost: one `UNLINK`.
   */
  delete(...keys: string[]): Promise<number> {
    return this.#call('delete', only(keys), (scope) => remove(scope, keys));
  }

  /**
   * Ends the freshness of entries: from now on they are stale, until their grace is over; an entry that was written
   * without one is removed. No load that has begun may store its result. Counters and what is no entry stay as they are.
   * @returns how many there are to be served as stale. Under `'open'` 0 when Redis failed, and an `'error'` event.
   * Cost: one script per key, one round trip.
   */
  markStale(...keys: string[]): Promise<number> {
    return this.#call('markStale', only(keys), (scope) => markStale(scope, keys));
  }

  /**
   * Ends everything that has one of these tags, in this namespace: entries that were written with it by now, and what is
   * being loaded, in any process. With `stale` (the default) such an entry counts as stale for as long as its grace
   * lasts, so that `getOrSet` serves it while it is loaded anew, by one caller anywhere; without a grace, and with `drop`,
   * it is gone.
   *
   * No list of keys is kept and no clock is compared: each tag has a random epoch, which entries carry and which this
   * replaces. Where Redis has lost it, the entries count as gone, too. Tags that only the loader has named are checked by the
   * server's clock when their value is stored.
   *
   * @throws ConfigError; under `'throw'` ServerError, ConnectionError, TimeoutError. Under `'open'` an `'error'` event.
   * Cost: one script per tag, one round trip, however many entries there are.
   */
  invalidateTags(tags: string | readonly string[], options: InvalidateOptions = {}): Promise<void> {
    return this.#call('invalidateTags', undefined, (scope) => invalidateTags(scope, tags, options));
  }

  /**
   * Ends everything in this namespace, and what is being loaded into it, in any process; namespaces inside it are
   * others. The entries stay in Redis until they expire, and are misses. Counters stay: they are not entries.
   *
   * @throws under `'throw'` ServerError, ConnectionError, TimeoutError. Under `'open'` an `'error'` event.
   * Cost: one script, however many entries there are.
   */
  clear(): Promise<void> {
    return this.#call('clear', undefined, clear);
  }

  /**
   * The stored value, else what `load` brings, which is then stored.
   *
   * Concurrent calls in this process share one load: its value (each decodes its own), its options (those of the call
   * that started it, `schema` apart) and its failure, which is not retried for each of them. Other processes wait for
   * the value, and load themselves when there is none. A loader must not wait for its own key. With `force` the call
   * loads in any case; the result of a load in progress is not stored.
   *
   * A stale value is served at once (or after `softTimeout`) and loaded anew in the background, by one caller anywhere. A
   * loader that fails then is an `'error'` event, and is not asked again for a second.
   *
   * The call does not wait until the value is stored, unless it is to hear of failures (`'throw'`); what this process
   * sends next comes after it. `close()` waits.
   *
   * @param options a lifetime, or `LoadOptions`
   * @throws whatever the loader throws; LoadedValueError `RU_CACHE_LOADED_VALUE`; SerializationError; TimeoutError
   *         after `timeout`; the signal's reason. Failures of the store only under `'throw'`.
   * Cost: a hit is a `get`; a load two round trips before it and one after it, which is not waited for. Those who wait for
   * another process look by themselves now and then, and are told.
   */
  getOrSet<T>(key: string, load: Loader<T>, options?: Duration | LoadOptions<T>): Promise<T> {
    return this.#call('getOrSet', key, (scope) => loadThrough(scope, { key, load, options })) as Promise<T>;
  }

  /**
   * A `getOrSet` for each key, with one call of `load` for all keys that are missing and that nobody else is loading. The
   * map has the keys that have a value, in the order in which they were asked for.
   *
   * @throws as `getOrSet`: the first failure of any key
   * Cost: that of one `getOrSet`, in commands per key and in round trips for all.
   */
  getOrSetMany<T>(
    keys: readonly string[],
    load: ManyLoader<T>,
    options?: Duration | LoadOptions<T>,
  ): Promise<Map<string, T>> {
    const loading = { keys, load, options };
    return this.#call('getOrSetMany', undefined, (scope) => loadMany(scope, loading)) as Promise<Map<string, T>>;
  }

  /**
   * Stores a value if the key is free, without grace. A load of the key that is in progress is not stored.
   * @returns false when the key is taken: by a value, or by something that `get` does not see, such as an entry of
   *          another `version`, until it expires
   * @throws in both modes ServerError, ConnectionError, TimeoutError; with `outcome` `unknown` it may have been stored
   * Cost: one script.
   */
  setIfAbsent<T>(key: string, value: T, ttl?: Duration): Promise<boolean> {
    return this.#callOnce('setIfAbsent', key, (scope) => writeIfAbsent(scope, { key, value, ttl }));
  }

  /**
   * Takes a value out: of all callers everywhere, one gets it.
   * @returns undefined for a miss, as `get`; the key is free afterwards
   * @throws in both modes as `get` under `'throw'`. After an undecodable entry, or `outcome` `unknown`, the value is lost.
   * Cost: one `GETDEL`.
   */
  getAndDelete<T>(key: string): Promise<T | undefined> {
    return this.#callOnce('getAndDelete', key, (scope) => take(scope, key)) as Promise<T | undefined>;
  }

  /**
   * Adds to a counter, which starts at 0, and gives the result. `get` reads a counter as a number; entries written by
   * `set` are not counters, nor does `version` concern them. They are stored as plain decimal text, never encrypted.
   *
   * @param by  a whole number, also negative; default 1
   * @param ttl lifetime from the first increment on; later ones do not prolong it
   * @throws CounterError `RU_CACHE_COUNTER` when the key holds no counter, or the result would leave ±(2^53 − 1)
   * @throws in both modes ServerError, ConnectionError, TimeoutError; with `outcome` `unknown` it may have counted
   * Cost: one script.
   */
  increment(key: string, by = 1, ttl?: Duration): Promise<number> {
    return this.#callOnce('increment', key, (scope) => increment(scope, { key, by, ttl }));
  }

  /**
   * Gives an entry a new lifetime from now on, longer or shorter; a grace that it has follows it.
   * @returns false when there is none
   * @throws in both modes ServerError, ConnectionError, TimeoutError; DecodeError for an entry of a newer release
   * Cost: a read and one script, in one round trip; one more for an entry with tags.
   */
  touch(key: string, ttl: Duration): Promise<boolean> {
    return this.#call('touch', key, (scope) => touch(scope, key, ttl));
  }

  /**
   * Says what is at a key, also where `get` says nothing: a stale value, one of another `version`, a load in progress,
   * somebody else's data.
   * @returns undefined where there is nothing
   * @throws in both modes ServerError, ConnectionError, TimeoutError
   * Cost: one round trip, a `GET` and a `PTTL`.
   */
  entry<T>(key: string): Promise<CacheEntry<T> | undefined> {
    return this.#call('entry', key, (scope) => explain(scope, key)) as Promise<CacheEntry<T> | undefined>;
  }

  /**
   * A cache of its own inside this one: no key of the one is a key of the other. It shares the connection, batches
   * and loads of this one, inherits its options where it is given none, and ends with it. Making it costs nothing; two
   * of one name are the same namespace.
   */
  namespace(name: string, options: NamespaceOptions = {}): CacheManager {
    const scope = this.#open();
    return new CacheManager(this.manager, scope.plan.ttlMs, scope.namespace(name, options));
  }

  /**
   * A function whose results are cached: `getOrSet` with a key made of the name and the arguments.
   *
   * Two calls share a result only if their arguments are alike: plain data, dates and bytes, compared by what is in them
   * (`{ a: 1, b: 2 }` is `{ b: 2, a: 1 }`; `1` is not `'1'`). Anything else as an argument is refused, unless `key` makes
   * plain data of it.
   *
   * @param fn a result of `undefined` is not stored
   * @throws ConfigError for a wrong spec; from the function, by rejection, for arguments that are no plain data
   * Cost: a `getOrSet` per call; `invalidate` is a `delete`.
   */
  wrap<A extends unknown[], T>(fn: (...args: A) => Promise<T>, spec: WrapSpec<A, T>): Wrapped<A, T> {
    return wrapFunction(this.#open(), fn, spec);
  }

  /**
   * Values of one name that are known by an id and loaded in one place: typed, and with keys, tags, schema and version of
   * their own. Their keys are made of the name and the id, as those of `wrap` are of the arguments, and are no key of the
   * cache or of a namespace; `clear` and `invalidateTags` of this cache reach them. With `loadMany` the ids of
   * one tick that have to be loaded are loaded together.
   *
   * Make it once for a name: two definitions of the same name share their values, but not the calls of `loadMany`.
   *
   * @throws ConfigError for a wrong spec
   * Cost: nothing. Of its calls: as of those of the cache.
   */
  define<K, T>(spec: LoadOneSpec<K, T>): Definition<K, T>;
  /** An id that `loadMany` does not bring has no value. */
  define<K, T>(spec: LoadManySpec<K, T>): Definition<K, T | undefined>;
  define<K, T>(spec: DefinitionSpec<K, T>): Definition<K, T | undefined> {
    return defineValues<K, T>(this.#open(), spec);
  }

  /** Counts since it was made, namespaces apart. */
  stats(): CacheStats {
    return statsOf(this.#scope);
  }

  /** Listens for an event; returns what removes the listener. */
  on<E extends keyof CacheEvents>(event: E, listener: (payload: CacheEvents[E]) => void): () => void {
    return this.#scope.events.on(event, listener);
  }

  /**
   * From now on calls on it and its namespaces reject with `ClosedError`. What was called before goes on to its end.
   * Resolves when what has been loaded is stored.
   */
  close(): Promise<void> {
    return this.#scope.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Scope {
    this.#scope.assertOpen();
    return this.#scope;
  }

  /** What is wrong with the arguments is a rejection, too. */
  #call<T>(operation: string, key: string | undefined, run: (scope: Scope) => Promise<T>): Promise<T> {
    if (cacheTraces.hasSubscribers) return this.#traced(operation, key, run);
    try {
      return run(this.#open());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #traced<T>(operation: string, key: string | undefined, run: (scope: Scope) => Promise<T>): Promise<T> {
    const { root } = this.#scope.space;
    return tracedCall({ operation, root, key }, async () => run(this.#open()));
  }

  /** For what must not run twice. @throws ConfigError when the client might do that */
  #callOnce<T>(operation: string, key: string, run: (scope: Scope) => Promise<T>): Promise<T> {
    return this.#call(operation, key, (scope) => {
      this.manager.requireAtMostOnce(`CacheManager.${operation}`);
      return run(scope);
    });
  }
}

/** What a call is about, where it is about one key. */
function only(keys: readonly string[]): string | undefined {
  return keys.length === 1 ? keys[0] : undefined;
}
