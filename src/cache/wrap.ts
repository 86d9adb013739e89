import { createHash } from 'node:crypto';

import { checkFunction, checkText } from '../core/check.js';
import { canonical } from './canonical.js';
import { remove } from './invalidations.js';
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

/** Longer keys are replaced by their hash. */
const MAX_KEY_LENGTH = 128;

export function wrapFunction<A extends unknown[], T>(
  cache: Scope,
  fn: (...args: A) => Promise<T>,
  { name, version, key, tags, ...options }: WrapSpec<A, T>,
): Wrapped<A, T> {
  checkFunction('wrap.fn', fn);
  checkText('wrap.name', name);
  if (key !== undefined) checkFunction('wrap.key', key);
  // a namespace of functions: no key of a caller is one of theirs. Its defaults are checked here and now
  const isMade = typeof tags === 'function';
  const defaults = isMade ? options : { ...options, tags };
  const results = cache.section(`fn/${name}`, { version, defaults });
  const idOf = (args: A): string =>
    shortened(key === undefined ? canonical('arguments', args) : canonical('key', key(...args)));
  const wrapped = async (...args: A): Promise<T> => {
    results.assertOpen();
    const made = isMade ? { tags: tags(...args) } : undefined;
    return (await loadThrough(results, { key: idOf(args), load: () => fn(...args), options: made })) as T;
  };
  const invalidate = async (...args: A): Promise<void> => {
    results.assertOpen();
    await remove(results, [idOf(args)]);
  };
  return Object.assign(wrapped, { invalidate });
}

/** No canonical text begins as a hash does here. */
function shortened(text: string): string {
  if (text.length <= MAX_KEY_LENGTH) return text;
  return `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}
