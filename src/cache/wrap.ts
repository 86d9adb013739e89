import { checkFunction } from '../core/check.js';
import { Defined } from './definitions/defined.js';
import { Naming } from './definitions/naming.js';
import { loadThrough } from './loads/load-through.js';
import type { LoadOptions } from './options.js';
import type { Scope } from './scope.js';

export interface WrapSpec<A extends unknown[], T> extends Omit<LoadOptions<T>, 'force' | 'signal' | 'tags'> {
  /** What the function's results are kept under: the same name in every process, another for every other function. */
  readonly name: string;
  /** The version of the results' shape, as in `CacheOptions`. */
  readonly version?: string | undefined;
  /** What tells one call from another. Default: all arguments. */
  readonly key?: ((...args: A) => unknown) | undefined;
  /** What `invalidateTags` of this cache may call the results by: the same for all, or made of the arguments. */
  readonly tags?: readonly string[] | ((...args: A) => readonly string[]) | undefined;
}

/** A function whose results are cached. */
export interface Wrapped<A extends unknown[], T> {
  (...args: A): Promise<T>;
  /** Removes the result of one call, and keeps what is being computed for it from being stored. */
  invalidate(...args: A): Promise<void>;
}

const KIND = { mark: 'fn', path: 'wrap', input: 'arguments' } as const;

/** A definition whose ids are the arguments. */
export function wrapFunction<A extends unknown[], T>(
  cache: Scope,
  fn: (...args: A) => Promise<T>,
  { key, tags, ...rest }: WrapSpec<A, T>,
): Wrapped<A, T> {
  checkFunction('wrap.fn', fn);
  const naming = new Naming<A>(cache, KIND, { ...rest, key: ofList(key), tags: ofList(tags) });
  const results = new Defined<A, T>(naming, (scope, { id, ...loading }) =>
    loadThrough(scope, { ...loading, load: () => fn(...id) }),
  );
  const wrapped = (...args: A): Promise<T> => results.get(args);
  const invalidate = async (...args: A): Promise<void> => void (await results.invalidate(args));
  return Object.assign(wrapped, { invalidate });
}

/** The same function of a list of its arguments; what is none stays what it is. */
function ofList<A extends unknown[], R, O>(fn: ((...args: A) => R) | O): ((args: A) => R) | O {
  return typeof fn === 'function' ? (args: A): R => (fn as (...args: A) => R)(...args) : fn;
}
