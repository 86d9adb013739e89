import { checkText, wrong } from './check.js';

/**
 * The keys of one module under one prefix: `<prefix>:<module>:{<id>}[:<part>]`.
 *
 * The hash tag puts all parts of one id into one cluster slot. An id that brings a non-empty `{tag}` of its own keeps
 * it, marked by `~`; all other braces are escaped. Two different ids never share a key, and no id can name a part, a
 * key of the space's own or a namespace: `docs/wire.md` has the grammar.
 */
export class KeySpace {
  /** What every key of this space begins with. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** @param prefix may be empty @throws ConfigError for a prefix that would move the hash tag */
  static of(prefix: string, module: string): KeySpace {
    checkPrefix('prefix', prefix);
    return new KeySpace(prefix === '' ? `${module}:` : `${prefix}:${module}:`);
  }

  /** A key space inside this one, whose keys no id of this one can reach. */
  namespace(name: string): KeySpace {
    return this.#inside('@', name);
  }

  /** As `namespace`, for what the module itself makes: no namespace of this space reaches its keys, either. */
  section(kind: string, name: string): KeySpace {
    return this.#inside(`${kind}@`, name);
  }

  #inside(mark: string, name: string): KeySpace {
    return new KeySpace(`${this.root}${mark}${escape(name).replaceAll(':', '%3A')}:`);
  }

  /**
   * A key that belongs to the space itself and to no id: `<root>epoch`, or `<root>tag:{<name>}` for one of a kind.
   * @throws ConfigError for an empty or ill-formed name
   */
  own(kind: string, name?: string): string {
    return name === undefined ? this.root + kind : `${this.root}${kind}:${tagged(name)}`;
  }

  /** The key of `id`, or of one part of it. @throws ConfigError for an empty or ill-formed id */
  key(id: string, part?: string): string {
    const body = this.root + tagged(id);
    return part === undefined ? body : `${body}:${part}`;
  }
}

/** A prefix is part of every key, outside the hash tag: a brace in it would move the tag. */
export function checkPrefix(path: string, value: unknown): string {
  if (value === '') return '';
  const prefix = checkText(path, value);
  if (/[{}]/.test(prefix)) throw wrong(path, 'free of braces, which Redis Cluster reads as a hash tag', value);
  return prefix;
}

const SPECIAL = /[{}%]/;
const OWN_TAG = /^([^{]*)\{([^}]+)\}(.*)$/s;

function tagged(id: string): string {
  if (typeof id !== 'string' || id === '' || !id.isWellFormed()) {
    throw wrong('key', 'a non-empty, well-formed string', id);
  }
  if (!SPECIAL.test(id)) return `{${id}}`;
  const own = OWN_TAG.exec(id);
  if (own === null) return `{${escape(id)}}`;
  const [, before = '', tag = '', after = ''] = own;
  return `~${escape(before)}{${escape(tag)}}${escape(after).replaceAll(':', '%3A')}`;
}

function escape(text: string): string {
  return text.replace(/[{}%]/g, (char) => (char === '{' ? '%7B' : char === '}' ? '%7D' : '%25'));
}
