import { inspect } from 'node:util';
import { checkKnown, checkText, wrong } from '../core/check.js';
import { ConfigError } from '../core/errors.js';
import { EncryptionKey, type KeyInput, showKeyId } from './encryption-key.js';
import { processEnvironment } from './keyring-env.js';

export interface KeyringOptions {
  /** Name of the key that new values are sealed with. */
  readonly active: string;
  /** All keys by name: the active one, and those that values may still be sealed with. */
  readonly keys: Readonly<Record<string, KeyInput>>;
  /**
   * Keys that values must no longer be sealed with, by name, or by id (8 hex digits) if the key is gone. Reading such a
   * value is an `EncryptionError` with `retired: true`.
   */
  readonly retired?: readonly string[] | undefined;
}

/** A key as `describe` shows it. */
export interface KeyDescription {
  readonly name: string | undefined;
  /** 8 hex digits, as in `EncryptionError.keyId`. */
  readonly id: string;
  readonly status: 'active' | 'readable' | 'retired';
}

/** Shorter than any key is written, so that a key in the place of a name never gets into a message. */
const NAME = /^[\w.-]{1,32}$/;
const ID = /^[0-9a-f]{8}$/;
const RETIRED = 'retired';

/**
 * The keys that values are encrypted with. New values are sealed with the active key; a stored value names the one
 * key that can open it, and no other is ever tried.
 *
 * Rotation in two steps: first deploy the new key everywhere as a further key, then make it active. The old key can go
 * when everything sealed with it has expired or been written again.
 *
 * A key ring never shows its keys: not printed, not as JSON, not in errors.
 */
export class Keyring {
  /** @internal */
  readonly active: EncryptionKey;
  readonly #readable = new Map<number, EncryptionKey>();
  readonly #retired = new Map<number, string | undefined>();

  private constructor(path: string, options: KeyringOptions) {
    checkKnown(path, options, ['active', 'keys', 'retired']);
    const byName = this.#addKeys(path, options.keys);
    for (const retired of options.retired ?? []) this.#retire(path, retired, byName);
    const active = byName.get(checkText(`${path}.active`, options.active));
    if (active === undefined || !this.#readable.has(active.id)) {
      const expected = 'the name of a key in `keys` that is not retired';
      throw new ConfigError([{ option: `${path}.active`, expected, received: 'another name' }]);
    }
    this.active = active;
  }

  /** @throws ConfigError for what is no key, for one key under two names, for an unknown active key */
  static of(options: KeyringOptions): Keyring {
    return new Keyring('keyring', options);
  }

  /**
   * Reads the keys from one environment variable: `name:key` entries with commas between them, the active key first,
   * e.g. `k2:<base64>,k1:<base64>`. An entry named `retired` holds the id of a retired key: `retired:1a2b3c4d`.
   *
   * @param name of the variable, default `REDIS_UTILS_KEYS`
   * @throws ConfigError when it is not set or not of that form
   */
  static fromEnv(
    name = 'REDIS_UTILS_KEYS',
    env: Readonly<Record<string, string | undefined>> = processEnvironment(),
  ): Keyring {
    const text = env[name]?.trim();
    if (text === undefined || text === '') throw wrong(name, FORM, undefined);
    const keys: [string, string][] = [];
    const retired: string[] = [];
    for (const entry of text.split(',')) {
      const [label = '', key, ...more] = entry.trim().split(':');
      if (key === undefined || more.length > 0) throw wrong(name, FORM, entry);
      if (label === RETIRED) retired.push(key);
      else keys.push([label, key]);
    }
    if (new Set(keys.map(([label]) => label)).size < keys.length) throw wrong(name, 'keys of different names', text);
    return new Keyring(name, { active: keys[0]?.[0] ?? '', keys: Object.fromEntries(keys), retired });
  }

  /** The key of an id; `retired` for one that must not be used any more. @internal */
  find(id: number): EncryptionKey | 'retired' | undefined {
    return this.#readable.get(id) ?? (this.#retired.has(id) ? RETIRED : undefined);
  }

  /** All keys with their ids and without their secrets, for logs and checks. */
  describe(): KeyDescription[] {
    const keys: KeyDescription[] = [...this.#readable.values()].map((key) => ({
      name: key.name,
      id: showKeyId(key.id),
      status: key === this.active ? 'active' : 'readable',
    }));
    for (const [id, name] of this.#retired) keys.push({ name, id: showKeyId(id), status: RETIRED });
    return keys;
  }

  toJSON(): { keys: KeyDescription[] } {
    return { keys: this.describe() };
  }

  [inspect.custom](): string {
    const keys = this.describe().map(({ name, id, status }) => `${name ?? '?'} ${id} ${status}`);
    return `Keyring { ${keys.join(', ')} }`;
  }

  #addKeys(path: string, keys: Readonly<Record<string, KeyInput>>): Map<string, EncryptionKey> {
    if (typeof keys !== 'object' || keys === null) throw wrong(`${path}.keys`, 'keys by their names', keys);
    const byName = new Map<string, EncryptionKey>();
    for (const [name, input] of Object.entries(keys)) {
      if (!NAME.test(name) || name === RETIRED) throw wrong(`${path}.keys`, NAMES, name);
      const key = new EncryptionKey(`${path}.keys.${name}`, name, input);
      const other = this.#readable.get(key.id);
      if (other !== undefined) throw duplicate(`${path}.keys.${name}`, other.name);
      this.#readable.set(key.id, key);
      byName.set(name, key);
    }
    return byName;
  }

  #retire(path: string, nameOrId: string, byName: ReadonlyMap<string, EncryptionKey>): void {
    const key = byName.get(nameOrId);
    if (key === undefined && !ID.test(nameOrId)) {
      throw wrong(`${path}.retired`, 'names of keys, or key ids of 8 hex digits', nameOrId);
    }
    const id = key?.id ?? Number.parseInt(nameOrId, 16);
    const other = key === undefined ? this.#readable.get(id) : undefined;
    if (other !== undefined) throw duplicate(`${path}.retired`, other.name);
    this.#readable.delete(id);
    this.#retired.set(id, key?.name);
  }
}

const NAMES = `keys whose names are at most 32 letters, digits, '_', '.' and '-', and not '${RETIRED}'`;
const FORM = '`name:key` entries with commas between them, the active key first';

function duplicate(option: string, name: string): ConfigError {
  return new ConfigError([{ option, expected: 'a key of its own', received: `the same key as \`${name}\`` }]);
}
