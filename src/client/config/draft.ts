import { isDeepStrictEqual } from 'node:util';

import { checkKnown, wrong } from '../../core/check.js';
import type { ConfigIssue } from '../../core/errors.js';
import { ADDRESS, type Field, FIELDS, OPTION_NAMES, PLACES } from './field.js';
import { attempt } from './issues.js';
import { parseRedisUrl } from './url.js';
import type { RedisOptions } from './redis-options.js';

interface Entry {
  readonly value: unknown;
  readonly source: string;
}

/** Values as they came, each with its source; conflicts between sources are collected, not thrown. */
export class Draft {
  readonly issues: ConfigIssue[] = [];
  readonly #entries = new Map<Field, Entry>();
  readonly #variables: ReadonlyMap<string, string>;

  /** @param variables the environment variable of each option (`tls.caFile`) that has one */
  constructor(variables: ReadonlyMap<string, string> = new Map()) {
    this.#variables = variables;
  }

  /** The value, or the fallback when nobody has set one; `null` is a value, and a wrong one. */
  get(field: Field, fallback?: unknown): unknown {
    const entry = this.#entries.get(field);
    return entry === undefined ? fallback : entry.value;
  }

  /** The field that says where to connect to; the first one, when there are several. */
  get place(): (typeof PLACES)[number] {
    return PLACES.find((field) => this.#entries.has(field)) ?? 'host';
  }

  /** How an error calls an option (`tls.caFile`, `cluster[1]`): the environment variable it came from, or the option. */
  nameOf(option: string): string {
    const source = this.sourceOf(option);
    if (source === undefined || source === 'options' || source === 'url') return option;
    return source + (/(\[\d+\].*)$/.exec(option)?.[1] ?? '');
  }

  /** `options`, `url`, an environment variable, or undefined for what nobody has set. */
  sourceOf(option: string): string | undefined {
    const field = /^\w+/.exec(option)?.[0] as Field;
    const source = this.#entries.get(field)?.source;
    const setByParts = source !== undefined && source === this.#variables.get(field);
    return setByParts ? (this.#variables.get(option.replace(/\[.*$/, '')) ?? source) : source;
  }

  /** Sets a field; a value that contradicts the one of another source is an issue. */
  set(field: Field, value: unknown, source: string): void {
    if (value === undefined) return;
    const before = this.#entries.get(field);
    const { both, conflict } = before === undefined ? { both: value } : combine(field, before.value, value);
    if (before !== undefined && conflict !== undefined) {
      this.issues.push({
        option: conflict,
        expected: `the same in ${before.source} and ${source}`,
        received: 'two different values',
      });
    }
    this.#entries.set(field, { value: both, source });
  }

  addOptions(options: RedisOptions): void {
    if (typeof options !== 'object' || options === null) {
      this.#collect(() => {
        throw wrong('redis', 'an object of options', options);
      });
      return;
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

  /** Options that win over what is there; another place replaces the one before, a URL the whole address. */
  replace(patch: RedisOptions): void {
    const fresh = new Draft();
    fresh.addOptions(patch);
    this.issues.push(...fresh.issues);
    const has = (field: Field): boolean => fresh.#entries.has(field);
    const gone: Field[] = [];
    if (patch.url !== undefined) gone.push(...ADDRESS);
    else if (PLACES.some((place) => place !== 'port' && has(place))) gone.push(...PLACES);
    // what a provider gives replaces a user name and password, and the other way round
    if (has('credentials')) gone.push('username', 'password');
    else if (has('username') || has('password')) gone.push('credentials');
    for (const field of gone) this.#entries.delete(field);
    for (const [field, entry] of fresh.#entries) this.#entries.set(field, entry);
  }

  copy(): Draft {
    const copy = new Draft(this.#variables);
    for (const [field, entry] of this.#entries) copy.#entries.set(field, entry);
    return copy;
  }

  #collect(check: () => void): void {
    attempt(check, (found) => this.issues.push(...found));
  }
}

/**
 * One value out of two for the same field, and the option on which they contradict each other. `rediss://` says that
 * there is TLS and the option says how; a URL names the sentinels and the option their password.
 */
function combine(field: Field, before: unknown, value: unknown): { both: unknown; conflict?: string | undefined } {
  if (isDeepStrictEqual(before, value)) return { both: value };
  if (field === 'tls' && before === true && isGroup(value)) return { both: value };
  if (field === 'tls' && value === true && isGroup(before)) return { both: before };
  const mayJoin = (field === 'tls' || field === 'sentinel') && isGroup(before) && isGroup(value);
  if (!mayJoin) return { both: value, conflict: field };
  const given = Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
  const different = Object.keys(given).find(
    (name) => before[name] !== undefined && !isDeepStrictEqual(before[name], given[name]),
  );
  return { both: { ...before, ...given }, conflict: different === undefined ? undefined : `${field}.${different}` };
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
