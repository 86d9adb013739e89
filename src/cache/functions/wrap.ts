import { checkFunction } from '../../core/check.js';
import { remove } from '../invalidations.js';
import { loadThrough } from '../loads/load-through.js';
import type { LoadOptions } from '../options.js';
import type { Scope } from '../scope.js';
import { type Naming, Results } from './results.js';

export interface WrapSpec<A extends unknown[], T>
  extends Omit<LoadOptions<T>, 'force' | 'signal' | 'tags'>, Naming<A> {}

/** A function whose results are cached. */
export interface Wrapped<A extends unknown[], T> {
  (...args: A): Promise<T>;
  /** Removes the result of one call, and keeps what is being computed for it from being stored. */
  invalidate(...args: A): Promise<void>;
}

export function wrapFunction<A extends unknown[], T>(
  cache: Scope,
  fn: (...args: A) => Promise<T>,
  { name, version, key, tags, ...defaults }: WrapSpec<A, T>,
): Wrapped<A, T> {
  checkFunction('wrap.fn', fn);
  const results = new Results<A>(cache, 'fn', { name, version, key, tags, defaults });
  const wrapped = async (...args: A): Promise<T> => {
    const loading = { key: results.idOf(args), load: () => fn(...args), options: results.tagsOf(args) };
    return (await loadThrough(results.open(), loading)) as T;
  };
  const invalidate = async (...args: A): Promise<void> => {
    await remove(results.open(), [results.idOf(args)]);
  };
  return Object.assign(wrapped, { invalidate });
}
