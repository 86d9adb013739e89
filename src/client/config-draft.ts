import { checkKnown, wrong } from '../core/check.js';
import { ConfigError, type ConfigIssue } from '../core/errors.js';
import { type AddressField, parseRedisUrl } from './config-url.js';
import type { RedisOptions } from './redis-options.js';
import type { Settings } from './settings.js';

/** One line of `RedisConfig.explain()`. */
export interface ConfigLine {
  readonly field: string;
  /** The value in force; secrets are shown as `***`. */
  readonly value: string;
  /** `default`, `options`, `url`, or the environment variable. */
  readonly source: string;
}

/** The fields of a configuration before they are checked; `memory` is only ever set by a URL. */
export type Field = keyof Omit<RedisOptions, 'url'> | AddressField;

const FIELDS: readonly Field[] = [
  'host',
  'port',
  'socketPath',
  'memory',
  'username',
  'password',
  'db',
  'tls',
  'prefix',
  'clientName',
  'connectTimeout',
  'commandTimeout',
  'pool',
  'codec',
];
const OPTION_NAMES: readonly string[] = ['url', ...FIELDS.filter((field) => field !== 'memory')];
const ADDRESS: readonly Field[] = ['host', 'port', 'socketPath', 'memory', 'username', 'password', 'db', 'tls'];

interface Entry {
  readonly value: unknown;
  readonly source: string;
}

/** Values as they came, each with its source; conflicts between sources are collected, not thrown. */
export class Draft {
  readonly issues: ConfigIssue[] = [];
  readonly #entries = new Map<Field, Entry>();

  get(field: Field): unknown {
    return this.#entries.get(field)?.value;
  }

  /** How an error calls the field: the environment variable it came from, or the option. */
  nameOf(field: Field): string {
    const source = this.#entries.get(field)?.source;
    return source === undefined || source === 'options' || source === 'url' ? field : source;
  }

  /** Sets a field; a different value from another source is an issue. */
  set(field: Field, value: unknown, source: string): void {
    if (value === undefined) return;
    const before = this.#entries.get(field);
    if (before !== undefined && before.value !== value && !refinesTls(field, before.value, value)) {
      this.issues.push({
        option: field,
        expected: `the same in ${before.source} and ${source}`,
        received: 'two different values',
      });
    }
    this.#entries.set(field, { value, source });
  }

  addOptions(options: RedisOptions): void {
    if (typeof options !== 'object' || options === null) {
      return this.#note(wrong('redis', 'an object of options', options));
    }
    for (const name of Object.keys(options)) {
      if (!OPTION_NAMES.includes(name)) this.#collect(() => checkKnown('redis', { [name]: true }, OPTION_NAMES));
    }
    if (options.url !== undefined) this.addUrl(options.url, 'url');
    for (const field of FIELDS) {
      if (field !== 'memory') this.set(field, options[field], 'options');
    }
  }

  addUrl(url: string | URL, source: string): void {
    this.#collect(() => {
      for (const [field, value] of parseRedisUrl(url, source)) this.set(field, value, source);
    });
  }

  /** Options that win over what is there; an address in them replaces the whole address. */
  replace(patch: RedisOptions): void {
    const fresh = new Draft();
    fresh.addOptions(patch);
    this.issues.push(...fresh.issues);
    const movesTo = ['host', 'socketPath', 'memory'].some((field) => fresh.#entries.has(field as Field));
    if (patch.url !== undefined || movesTo) {
      const keep: readonly Field[] = patch.url === undefined ? ['username', 'password', 'db', 'tls'] : [];
      for (const field of ADDRESS) if (!keep.includes(field)) this.#entries.delete(field);
    }
    for (const [field, entry] of fresh.#entries) this.#entries.set(field, entry);
  }

  copy(): Draft {
    const copy = new Draft();
    for (const [field, entry] of this.#entries) copy.#entries.set(field, entry);
    return copy;
  }

  explain(settings: Settings): ConfigLine[] {
    const line = (field: string, value: string, origin: Field): ConfigLine => ({
      field,
      value,
      source: this.#entries.get(origin)?.source ?? 'default',
    });
    const { target } = settings;
    const address: Field = target.kind === 'tcp' ? 'host' : target.kind === 'unix' ? 'socketPath' : 'memory';
    return [
      line('endpoint', settings.endpoint, address),
      line('username', settings.username ?? '', 'username'),
      line('password', settings.password === undefined ? '' : '***', 'password'),
      line('tls', settings.tls === undefined ? 'off' : 'on', 'tls'),
      line('prefix', settings.prefix, 'prefix'),
      line('clientName', settings.clientName ?? '', 'clientName'),
      line('connectTimeout', `${settings.connectTimeoutMs}ms`, 'connectTimeout'),
      line('commandTimeout', `${settings.commandTimeoutMs}ms`, 'commandTimeout'),
      line('pool.max', String(settings.pool.max), 'pool'),
    ];
  }

  #collect(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (!(error instanceof ConfigError)) throw error;
    this.issues.push(...error.issues);
  }
}

/** `rediss://` says that there is TLS, the option says how: no conflict, unless the option says that there is none. */
function refinesTls(field: Field, before: unknown, value: unknown): boolean {
  return field === 'tls' && before === true && value !== false;
}
