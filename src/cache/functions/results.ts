import { createHash } from 'node:crypto';

import { checkFunction, checkText } from '../../core/check.js';
import type { NamespaceOptions } from '../options.js';
import type { Scope } from '../scope.js';
import { canonical } from './canonical.js';

/** How the results of a function are named. */
export interface Naming<A extends unknown[]> {
  /** What the results are kept under: the same name in every process, another for every other function. */
  readonly name: string;
  /** The version of the results' shape, as in `CacheOptions`. */
  readonly version?: string | undefined;
  /** What tells one call from another. Default: all arguments. */
  readonly key?: ((...args: A) => unknown) | undefined;
  /** What `invalidateTags` of this cache may call the results by: the same for all, or made of the arguments. */
  readonly tags?: readonly string[] | ((...args: A) => readonly string[]) | undefined;
}

/** Longer keys are replaced by their hash. */
const MAX_KEY_LENGTH = 128;

/** Where the results of a function are: keys of their own, which `clear` and `invalidateTags` of the cache reach. */
export class Results<A extends unknown[]> {
  readonly scope: Scope;
  readonly #naming: Naming<A>;

  /**
   * @param kind  no key of a caller, and no function of another kind, has the same ones
   * @param defaults of the calls, checked here and now
   * @throws ConfigError
   */
  constructor(cache: Scope, kind: string, naming: Naming<A> & { readonly defaults: NamespaceOptions['defaults'] }) {
    const { name, version, key, tags, defaults } = naming;
    checkText(`${kind}.name`, name);
    if (key !== undefined) checkFunction(`${kind}.key`, key);
    const shared = typeof tags === 'function' ? defaults : { ...defaults, tags };
    this.scope = cache.section(`${kind}/${name}`, { version, defaults: shared });
    this.#naming = naming;
  }

  /** @throws ConfigError for arguments that are no plain data */
  idOf(args: A): string {
    const { key } = this.#naming;
    return shortened(key === undefined ? canonical('arguments', args) : canonical('key', key(...args)));
  }

  /** The tags of one call, where they are made of its arguments. */
  tagsOf(args: A): { readonly tags: readonly string[] } | undefined {
    const { tags } = this.#naming;
    return typeof tags === 'function' ? { tags: tags(...args) } : undefined;
  }

  /** @throws ClosedError */
  open(): Scope {
    this.scope.assertOpen();
    return this.scope;
  }
}

/** No canonical text begins as a hash does here. */
function shortened(text: string): string {
  if (text.length <= MAX_KEY_LENGTH) return text;
  return `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}
