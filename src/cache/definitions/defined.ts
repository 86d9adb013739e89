import { checkKnown, wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import type { DefinedCallOptions, DefinedWriteOptions, Definition } from './definition.js';
import { markStale, remove } from '../invalidations.js';
import type { LoadingOne } from '../loads/load-many.js';
import { check } from '../loads/schema.js';
import type { Naming } from './naming.js';
import { readOne } from '../reads/reads.js';
import type { Scope } from '../scope.js';
import { cacheTraces, tracedCall } from '../trace.js';
import { writeOne } from '../writes.js';

const CALL_OPTIONS = ['timeout', 'signal', 'force'] as const;

/** The value at a key, else what its loader brings. */
export type Obtain<K> = (scope: Scope, loading: LoadingOne<K>) => Promise<unknown>;

/** Values of one name: each call is the one of the cache that does the same for a key, and is told and traced as that. */
export class Defined<K, T> implements Definition<K, T> {
  readonly #naming: Naming<K>;
  readonly #obtain: Obtain<K>;

  constructor(naming: Naming<K>, obtain: Obtain<K>) {
    this.#naming = naming;
    this.#obtain = obtain;
  }

  async get(id: K, options?: DefinedCallOptions): Promise<T> {
    const key = this.#keyOf(id);
    return this.#call('getOrSet', key, (scope) => this.#obtain(scope, this.#loading(id, key, options))) as Promise<T>;
  }

  async getMany(ids: readonly K[], options?: DefinedCallOptions): Promise<Map<K, Exclude<T, undefined>>> {
    if (!Array.isArray(ids)) throw wrong('ids', 'an array of ids', ids);
    const keys = new Map<K, string>(ids.map((id: K) => [id, this.#keyOf(id)]));
    // several ids may have one key: one of them is asked for
    const idsOf = new Map(Array.from(keys, ([id, key]) => [key, id]));
    const loadings = Array.from(idsOf, ([key, id]) => this.#loading(id, key, options));
    return this.#call('getOrSetMany', undefined, async (scope) => {
      const values = new Map<string, unknown>();
      const obtained = loadings.map(async (loading) => values.set(loading.key, await this.#obtain(scope, loading)));
      await Promise.all(obtained);
      const found = new Map<K, Exclude<T, undefined>>();
      for (const [id, key] of keys) {
        const value = values.get(key);
        if (value !== undefined) found.set(id, value as Exclude<T, undefined>);
      }
      return found;
    });
  }

  async peek(id: K): Promise<T | undefined> {
    const key = this.#keyOf(id);
    return this.#call('get', key, async (scope) => {
      const tags = this.#naming.tagsOf(id) ?? scope.plan.tags;
      const value = await readOne(scope, key, tags.length === 0 ? undefined : { tags });
      const { schema } = scope.plan;
      if (value === undefined || schema === undefined) return value as T | undefined;
      const result = await check(schema, value);
      if (result.issues === undefined) return result.value as T;
      scope.tally.hits -= 1;
      scope.tally.misses.schema += 1;
      return undefined;
    });
  }

  async set(id: K, value: Exclude<T, undefined>, ttl?: Duration | DefinedWriteOptions): Promise<void> {
    const key = this.#keyOf(id);
    return this.#call('set', key, (scope) => writeOne(scope, { key, value, ttl: this.#writing(id, ttl) }));
  }

  refresh(id: K): Promise<T> {
    return this.get(id, { force: true });
  }

  async invalidate(...ids: K[]): Promise<number> {
    const keys = this.#keysOf(ids);
    return this.#call('delete', only(keys), (scope) => remove(scope, keys));
  }

  async markStale(...ids: K[]): Promise<number> {
    const keys = this.#keysOf(ids);
    return this.#call('markStale', only(keys), (scope) => markStale(scope, keys));
  }

  #keyOf(id: K): string {
    this.#naming.scope.assertOpen();
    return this.#naming.keyOf(id);
  }

  /** Each once. */
  #keysOf(ids: readonly K[]): readonly string[] {
    return [...new Set(ids.map((id) => this.#keyOf(id)))];
  }

  #loading(id: K, key: string, given: DefinedCallOptions | undefined): LoadingOne<K> {
    checkKnown('define.get', given, CALL_OPTIONS);
    const tags = this.#naming.tagsOf(id);
    return { id, key, options: tags === undefined ? given : { ...given, tags } };
  }

  #writing(id: K, ttl: Duration | DefinedWriteOptions | undefined): Duration | DefinedWriteOptions | undefined {
    const isObject = typeof ttl === 'object' && ttl !== null;
    if (isObject && 'tags' in ttl) throw wrong('define.set.tags', 'left out: the definition has them', ttl.tags);
    const tags = this.#naming.tagsOf(id);
    if (tags === undefined) return ttl;
    const options = isObject ? ttl : ttl === undefined ? {} : { ttl };
    return { ...options, tags } as DefinedWriteOptions;
  }

  async #call<R>(operation: string, key: string | undefined, run: (scope: Scope) => Promise<R>): Promise<R> {
    const { scope } = this.#naming;
    if (!cacheTraces.hasSubscribers) return run(scope);
    return tracedCall({ operation, root: scope.space.root, key }, async () => run(scope));
  }
}

function only(keys: readonly string[]): string | undefined {
  return keys.length === 1 ? keys[0] : undefined;
}
