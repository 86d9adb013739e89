import { nearest, wrong } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';
import { isConnectionString, parseConnectionString } from './connection-string.js';
import type { FieldValue } from './field.js';
import { parseListUrl } from './list-url.js';
import { databaseOf, decodePart, queryOf, refuseFragment } from './url-part.js';

const SCHEMES = ['redis', 'valkey', 'rediss', 'valkeys', 'redis+unix', 'memory'] as const;
const EXPECTED =
  'a URL that begins with redis://, rediss://, valkey://, valkeys://, redis-cluster://, redis-sentinel://, ' +
  'redis+unix:// or memory://';

/**
 * The fields that a URL or a connection string sets. Neither the text nor a part of it ever appears in an error: it may
 * hold a password, and a password that was not encoded may stand anywhere in it.
 * @throws ConfigError
 */
export function parseRedisUrl(input: string | URL, name: string): readonly FieldValue[] {
  if (typeof input !== 'string' && !(input instanceof URL)) throw wrong(name, EXPECTED, input);
  const text = String(input).trim();
  if (isConnectionString(text)) return parseConnectionString(text, name);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  const list = /^(redis|valkey)(s?)-(cluster|sentinel)$/.exec(scheme ?? '');
  if (list !== null) {
    return parseListUrl(text, { name, kind: list[3] as 'cluster' | 'sentinel', tls: list[2] === 's' });
  }
  const known = SCHEMES.find((one) => one === scheme);
  if (known === undefined) throw unknownScheme(scheme, name);
  const url = toUrl(text, name);
  refuseFragment(url.hash, name);
  switch (known) {
    case 'redis':
    case 'valkey':
      return tcpFields(url, name, false);
    case 'rediss':
    case 'valkeys':
      return tcpFields(url, name, true);
    case 'redis+unix':
      return unixFields(url, name);
    case 'memory':
      return memoryFields(url, name);
  }
}

function unknownScheme(scheme: string | undefined, name: string): ConfigError {
  if (scheme === 'https' || scheme === 'http') {
    const expected =
      `${EXPECTED}. That is an HTTP API, such as Upstash's REST, which this library does not speak: the rediss:// URL of ` +
      'the same database is in the console, under the tab "TCP" (or "Redis")';
    return new ConfigError([{ option: name, expected, received: `${scheme}://` }]);
  }
  // a scheme may be a user name, or a password, in the wrong place
  const near = scheme === undefined ? undefined : nearest(scheme, [...SCHEMES, 'redis-cluster', 'redis-sentinel']);
  const received = scheme === undefined ? 'no scheme' : 'another scheme';
  const hint = near === undefined ? '' : ` – did you mean ${near}://?`;
  return new ConfigError([{ option: name, expected: EXPECTED + hint, received }]);
}

function toUrl(text: string, name: string): URL {
  if (URL.canParse(text)) return new URL(text);
  const several = /^[^/]*\/\/(?:[^/?#]*@)?[^/?#@]*,/.test(text)
    ? ' (several hosts are redis-cluster:// or redis-sentinel://)'
    : '';
  const expected = 'a well-formed URL – percent-encode special characters of the user name and the password';
  throw new ConfigError([{ option: name, expected: expected + several, received: 'a malformed URL' }]);
}

function tcpFields(url: URL, name: string, tls: boolean): readonly FieldValue[] {
  if (url.hostname === '') throw new ConfigError([{ option: name, expected: 'to name a host', received: 'none' }]);
  queryOf(url.search, name, []);
  return [
    ['host', decodePart(url.hostname, name).replace(/^\[(.*)\]$/, '$1')],
    ['port', url.port === '' ? undefined : Number(url.port)],
    ['db', databaseOf(url.pathname, name)],
    ['tls', tls],
    ...credentials(url, name),
  ];
}

function unixFields(url: URL, name: string): readonly FieldValue[] {
  const db = queryOf(url.search, name, ['db']).get('db');
  if (!/^\/./.test(url.pathname) || url.host !== '') {
    throw new ConfigError([{ option: name, expected: 'redis+unix:// and an absolute path', received: 'no path' }]);
  }
  return [
    ['socketPath', decodePart(url.pathname, name)],
    ['db', db === undefined ? undefined : databaseOf(db, name)],
  ];
}

function memoryFields(url: URL, name: string): readonly FieldValue[] {
  queryOf(url.search, name, []);
  const engine = decodePart(url.hostname + url.pathname, name).replace(/^\/+|\/+$/g, '');
  if (engine !== '' && url.username + url.password + url.port === '') return [['memory', engine]];
  const expected = 'memory:// and a name, such as memory://dev';
  throw new ConfigError([{ option: name, expected, received: 'something else' }]);
}

function credentials(url: URL, name: string): readonly FieldValue[] {
  return [
    ['username', url.username === '' ? undefined : decodePart(url.username, name)],
    ['password', url.password === '' ? undefined : decodePart(url.password, name)],
  ];
}
