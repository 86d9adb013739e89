import { wrong } from '../core/check.js';
import { ConfigError } from '../core/errors.js';

/** The fields that a URL can set; `memory` is set by nothing else. */
export type AddressField = 'host' | 'port' | 'socketPath' | 'memory' | 'username' | 'password' | 'db' | 'tls';

const SCHEMES = 'redis://, rediss://, valkey://, valkeys://, redis+unix:// or memory://';

/**
 * The fields that a URL sets. Neither the URL nor a part of it ever appears in an error: it may hold a password.
 * @throws ConfigError
 */
export function parseRedisUrl(input: string | URL, name: string): [AddressField, unknown][] {
  const url = toUrl(input, name);
  switch (url.protocol) {
    case 'redis:':
    case 'valkey:':
      return tcpFields(url, name, false);
    case 'rediss:':
    case 'valkeys:':
      return tcpFields(url, name, true);
    case 'redis+unix:':
      return unixFields(url, name);
    case 'memory:':
      return [['memory', memoryName(url, name)]];
    default:
      throw scheme(name, url.protocol.replace(/:$/, '://'));
  }
}

function toUrl(input: string | URL, name: string): URL {
  if (input instanceof URL) return input;
  if (typeof input !== 'string') throw wrong(name, `a URL that begins with ${SCHEMES}`, input);
  if (URL.canParse(input)) return new URL(input);
  const start = /^([a-z][a-z0-9+.-]*:\/\/)/i.exec(input)?.[1];
  if (start !== undefined && /^(redis|valkey)/i.test(start)) {
    const hint = 'a well-formed URL – percent-encode special characters of the user name and the password';
    throw new ConfigError([{ option: name, expected: hint, received: 'a malformed URL' }]);
  }
  throw scheme(name, start ?? 'no scheme');
}

function scheme(name: string, received: string): ConfigError {
  const later = /^rediss?-(cluster|sentinel)/.test(received) ? ' (clusters and sentinels are not supported yet)' : '';
  return new ConfigError([{ option: name, expected: `a URL that begins with ${SCHEMES}${later}`, received }]);
}

function tcpFields(url: URL, name: string, tls: boolean): [AddressField, unknown][] {
  if (url.hostname === '') throw new ConfigError([{ option: name, expected: 'to name a host', received: 'none' }]);
  refuseQuery(url, name, []);
  const path = url.pathname.replace(/^\//, '');
  return [
    ['host', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')],
    ['port', url.port === '' ? undefined : Number(url.port)],
    ['db', path === '' ? undefined : database(path, name)],
    ['tls', tls],
    ...credentials(url, name),
  ];
}

function unixFields(url: URL, name: string): [AddressField, unknown][] {
  refuseQuery(url, name, ['db']);
  const db = url.searchParams.get('db');
  if (!/^\/./.test(url.pathname)) {
    throw new ConfigError([{ option: name, expected: 'redis+unix:// and an absolute path', received: 'no path' }]);
  }
  return [
    ['socketPath', decode(url.pathname, name)],
    ['db', db === null ? undefined : database(db, name)],
    ...credentials(url, name),
  ];
}

function memoryName(url: URL, name: string): string {
  const engine = decode(url.hostname + url.pathname, name).replace(/^\/+|\/+$/g, '');
  if (engine !== '') return engine;
  throw new ConfigError([
    { option: name, expected: 'memory:// and a name, such as memory://dev', received: 'no name' },
  ]);
}

function credentials(url: URL, name: string): [AddressField, unknown][] {
  return [
    ['username', url.username === '' ? undefined : decode(url.username, name)],
    ['password', url.password === '' ? undefined : decode(url.password, name)],
  ];
}

function database(text: string, name: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new ConfigError([{ option: `${name} database`, expected: 'a whole number', received: 'something else' }]);
}

function refuseQuery(url: URL, name: string, known: readonly string[]): void {
  for (const key of url.searchParams.keys()) {
    if (known.includes(key)) continue;
    const expected = known.length === 0 ? 'free of parameters – pass options instead' : `one of ?${known.join(', ')}`;
    throw new ConfigError([{ option: `${name}?${key}`, expected, received: 'an unknown parameter' }]);
  }
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError([{ option: name, expected: 'well percent-encoded', received: 'a stray %' }]);
  }
}
