import { createHash } from 'node:crypto';

import { checkFunction, checkText } from '../../core/check.js';
import { canonical } from '../canonical.js';
import type { LoadOptions } from '../options.js';
import type { Scope } from '../scope.js';

/** What is told of a function or a definition beside where its values come from. */
export interface NamingSpec<K> extends Omit<LoadOptions<never>, 'force' | 'signal' | 'tags' | 'schema'> {
  readonly name: string;
  readonly version?: string | undefined;
  readonly key?: ((id: K) => unknown) | undefined;
  readonly tags?: readonly string[] | ((id: K) => readonly string[]) | undefined;
  readonly schema?: LoadOptions<unknown>['schema'];
}

/** What is named. */
export interface Kind {
  /** What its keys are marked with. */
  readonly mark: string;
  /** What its options are called in errors. */
  readonly path: string;
  /** What its keys are made of without a `key`, in errors. */
  readonly input: string;
}

/** Longer keys are replaced by their hash. */
const MAX_KEY_LENGTH = 128;

/** Keys and tags of what has a name of its own: of nothing with another name, and of nothing that callers name by keys. */
export class Naming<K> {
  /** Its defaults are checked when it is made. */
  readonly scope: Scope;
  readonly #kind: Kind;
  readonly #key: NamingSpec<K>['key'];
  readonly #tags: ((id: K) => readonly string[]) | undefined;

  /** @throws ConfigError */
  constructor(cache: Scope, kind: Kind, { name, version, key, tags, ...options }: NamingSpec<K>) {
    checkText(`${kind.path}.name`, name);
    if (key !== undefined) checkFunction(`${kind.path}.key`, key);
    const isMade = typeof tags === 'function';
    const defaults = isMade ? options : { ...options, tags };
    this.scope = cache.section(cache.space.section(kind.mark, name), { version, defaults });
    this.#kind = kind;
    this.#key = key;
    this.#tags = isMade ? tags : undefined;
  }

  /** @throws ConfigError for what is no plain data */
  keyOf(id: K): string {
    const text = this.#key === undefined ? canonical(this.#kind.input, id) : canonical('key', this.#key(id));
    if (text.length <= MAX_KEY_LENGTH) return text;
    // no canonical text begins like this
    return `sha256:${createHash('sha256').update(text).digest('base64url')}`;
  }

  /** Undefined where all have the same, which are defaults of the scope. */
  tagsOf(id: K): readonly string[] | undefined {
    return this.#tags?.(id);
  }
}
