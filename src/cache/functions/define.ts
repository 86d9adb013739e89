import { checkFunction, checkInteger, checkKnown, wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import { markStale, remove } from '../invalidations.js';
import { LoadBatch } from '../loads/load-batch.js';
import { loadInBatch } from '../loads/load-many.js';
import { loadThrough } from '../loads/load-through.js';
import { check } from '../loads/schema.js';
import type { LoadContext, LoadOptions, ManyLoader, WriteOptions } from '../options.js';
import { readOne } from '../reads/reads.js';
import type { Scope } from '../scope.js';
import { writeOne } from '../writes.js';
import { type Naming, Results } from './results.js';

interface DefinitionTerms<K, T> extends Omit<LoadOptions<T>, 'force' | 'signal' | 'tags'>, Naming<[id: K]> {}

/** Brings values one by one. */
export interface SingleDefinition<K, T> extends DefinitionTerms<K, T> {
  /** As of `getOrSet`: `undefined` means that there is none. */
  readonly load: (id: K, context: LoadContext) => T | Promise<T>;
  readonly loadMany?: undefined;
}

/** Brings several values at once. */
export interface BatchDefinition<K, T> extends DefinitionTerms<K, T> {
  /**
   * Gets all ids that have to be loaded here of those that were asked for in one tick, each once, and gives a map by these
   * very ids (objects as ids by their identity). An id that is not in it has no value.
   */
  readonly loadMany: ManyLoader<T, K>;
  /** How many ids it gets at most; more are several calls, at the same time. Default: 128. */
  readonly maxBatch?: number | undefined;
  readonly load?: undefined;
}

/** What `define` takes. */
export type DefinitionSpec<K, T> = SingleDefinition<K, T> | BatchDefinition<K, T>;

/** Of one call. */
export interface DefinitionCallOptions extends Pick<LoadOptions<unknown>, 'timeout' | 'signal' | 'force'> {}

/** One kind of value, with all that the cache has to know of it. Its functions may be taken apart from it. */
export interface Definition<K, T> {
  /** The value, loaded if it is not there: a `getOrSet`. */
  get(id: K, options?: DefinitionCallOptions): Promise<T>;
  /**
   * A `get` for each. The map has the ids that have a value, as they were given, in that order; of ids that are alike, the
   * first.
   * @throws as `get`: the first failure of any
   */
  getMany(ids: readonly K[], options?: DefinitionCallOptions): Promise<Map<K, T>>;
  /** The value if it is there, without loading: a `get` of the cache. One that the schema rejects is not. */
  peek(id: K): Promise<T | undefined>;
  /** Stores a value, with the tags that its id has: a `set`. */
  set(id: K, value: T, ttl?: Duration | WriteOptions): Promise<void>;
  /** Loads it in any case: `get` with `force`. */
  refresh(id: K): Promise<T>;
  /** Removes values, as `delete`. */
  invalidate(...ids: K[]): Promise<number>;
  /** As `markStale` of the cache. */
  markStale(...ids: K[]): Promise<number>;
}

const CALL_OPTIONS = ['timeout', 'signal', 'force'] as const;
const MAX_BATCH = 128;

/** Makes a definition; see `CacheManager.define`. */
export function defineValues<K, T>(cache: Scope, spec: DefinitionSpec<K, T>): Definition<K, T> {
  const { name, version, key, tags, load, loadMany, ...rest } = spec;
  const { maxBatch, ...defaults } = rest as typeof rest & { readonly maxBatch?: number };
  if ((load === undefined) === (loadMany === undefined)) {
    throw wrong('define.load', 'a function, or `loadMany` in its place', load === undefined ? undefined : 'both');
  }
  const results = new Results<[K]>(cache, 'def', { name, version, key, tags, defaults });
  const loads = loadMany === undefined ? single(load, maxBatch) : batched(loadMany, maxBatch);

  const get = async (id: K, options: DefinitionCallOptions = {}): Promise<T> => {
    checkKnown('define.get', options, CALL_OPTIONS);
    const call = { id, key: results.idOf([id]), options: { ...options, ...results.tagsOf([id]) } };
    return (await loads(results.open(), call)) as T;
  };
  return {
    get,
    getMany: async (ids, options) => {
      if (!Array.isArray(ids)) throw wrong('ids', 'an array', ids);
      const distinct = new Map<string, K>();
      for (const id of ids as readonly K[]) {
        const text = results.idOf([id]);
        if (!distinct.has(text)) distinct.set(text, id);
      }
      const found = await Promise.all(
        Array.from(distinct.values(), async (id) => [id, await get(id, options)] as const),
      );
      return new Map(found.filter(([, value]) => value !== undefined));
    },
    peek: async (id) => {
      const { schema } = results.scope.plan;
      const value = await readOne(results.open(), results.idOf([id]), results.tagsOf([id]));
      if (value === undefined || schema === undefined) return value as T | undefined;
      const checked = await check(schema, value);
      return checked.issues === undefined ? (checked.value as T) : undefined;
    },
    set: async (id, value, ttl) => {
      const options = typeof ttl === 'object' ? ttl : { ttl };
      const writing = { key: results.idOf([id]), value, ttl: { ...results.tagsOf([id]), ...options } };
      return writeOne(results.open(), writing);
    },
    refresh: (id) => get(id, { force: true }),
    invalidate: async (...ids) =>
      remove(
        results.open(),
        ids.map((id) => results.idOf([id])),
      ),
    markStale: async (...ids) =>
      markStale(
        results.open(),
        ids.map((id) => results.idOf([id])),
      ),
  };
}

/** One value that is asked for. */
interface Call<K> {
  readonly id: K;
  readonly key: string;
  readonly options: LoadOptions<unknown>;
}

type Loads<K> = (scope: Scope, call: Call<K>) => Promise<unknown>;

function single<K, T>(load: SingleDefinition<K, T>['load'] | undefined, maxBatch: number | undefined): Loads<K> {
  const one = load as SingleDefinition<K, T>['load'];
  checkFunction('define.load', one);
  if (maxBatch !== undefined) throw wrong('define.maxBatch', 'left out, beside `load`', maxBatch);
  return (scope, { id, key, options }) => loadThrough(scope, { key, load: (context) => one(id, context), options });
}

function batched<K>(loadMany: ManyLoader<unknown, K>, maxBatch: number = MAX_BATCH): Loads<K> {
  checkFunction('define.loadMany', loadMany);
  checkInteger('define.maxBatch', maxBatch, { min: 1, max: 1_000_000 });
  let ofThisTick: LoadBatch<K> | undefined;
  return (scope, call) => {
    if (ofThisTick === undefined) {
      ofThisTick = new LoadBatch(loadMany, maxBatch);
      process.nextTick(() => (ofThisTick = undefined));
    }
    return loadInBatch(scope, ofThisTick, call);
  };
}
