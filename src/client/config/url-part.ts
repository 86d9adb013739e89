import { nearest } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';

/** @throws ConfigError */
export function decodePart(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError([{ option: name, expected: 'well percent-encoded', received: 'a stray %' }]);
  }
}

/** The number of the database, with or without the slash before it; undefined when there is none. @throws ConfigError */
export function databaseOf(path: string, name: string): number | undefined {
  const text = path.replace(/^\//, '');
  if (text === '') return undefined;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new ConfigError([{ option: `${name} database`, expected: 'a whole number', received: 'something else' }]);
}

/**
 * The parameters of a query. A `+` is a plus: this is no form, and it is a digit of base64.
 * @throws ConfigError for one that is not known or stands there twice; its name is not shown, as it may be what follows
 *   a `?` in a password
 */
export function queryOf(search: string, name: string, known: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of search.replace(/^\?/, '').split('&')) {
    if (part === '') continue;
    const [key = '', value = ''] = splitOnce(part, '=').map((half) => decodePart(half, name));
    if (!known.includes(key)) throw unknownParameter(key, name, known);
    if (found.has(key))
      throw new ConfigError([{ option: `${name}?${key}`, expected: 'given once', received: 'twice' }]);
    found.set(key, value);
  }
  return found;
}

function unknownParameter(key: string, name: string, known: readonly string[]): ConfigError {
  const near = nearest(key, known);
  const hint = near === undefined ? '' : ` – did you mean \`${near}\`?`;
  const expected = known.length === 0 ? 'none – pass options instead' : `${known.join(', ')}${hint}`;
  return new ConfigError([{ option: `${name} parameters`, expected, received: 'an unknown parameter' }]);
}

/** @throws ConfigError */
export function refuseFragment(hash: string, name: string): void {
  if (hash === '') return;
  throw new ConfigError([{ option: name, expected: 'free of #, which is written %23', received: 'a fragment' }]);
}

/** The text before the first separator, and the text behind it if there is one. */
export function splitOnce(text: string, separator: string): readonly [string] | readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
