import { nearest } from '../../core/check.js';
import { ConfigError, type ConfigIssue } from '../../core/errors.js';
import { formatAddress, parseAddress } from './address.js';
import type { FieldValue } from './field.js';
import { attempt } from './issues.js';
import { databaseOf, splitOnce } from './url-part.js';

/** Keys of a connection string that mean something here. */
const MEANT = [
  'user',
  'password',
  'name',
  'ssl',
  'sslHost',
  'sslProtocols',
  'defaultDatabase',
  'connectTimeout',
  'syncTimeout',
  'asyncTimeout',
  'serviceName',
  'sentinelUser',
  'sentinelPassword',
] as const;

/** Keys that steer the .NET client and nothing else; the library has its own way for each of these. */
const IGNORED = [
  'abortConnect',
  'allowAdmin',
  'configChannel',
  'configCheckSeconds',
  'connectRetry',
  'defaults',
  'heartbeatConsistencyChecks',
  'heartbeatInterval',
  'highIntegrity',
  'highPriorityThreads',
  'includeDetailInExceptions',
  'includePerformanceCountersInExceptions',
  'keepAlive',
  'libraryName',
  'maintNotifications',
  'maintPostEventRelaxed',
  'maintRelaxedTimeout',
  'maintRelaxedWindowMax',
  'preserveAsyncOrder',
  'protocol',
  'resolveDns',
  'responseTimeout',
  'setlib',
  'tcpKeepAlive',
  'tieBreaker',
  'topologyRefreshSeconds',
  'version',
  'writeBuffer',
] as const;

/** Keys that change what the commands do or whom they reach, and that nothing here can honour: only these values pass. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  channelPrefix: /^$/,
  checkCertificateRevocation: /^(false|no|off|0)$/i,
  proxy: /^(none)?$/i,
  tunnel: /^$/,
};

const KEYS = new Map([...MEANT, ...IGNORED, ...Object.keys(REFUSED)].map((key) => [key.toLowerCase(), key]));

/** Whether a text is `host[:port],key=value,…` and no URL. */
export function isConnectionString(text: string): boolean {
  return !/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && text.split(',').some((part) => /^\s*[a-z$]\w*\s*=/i.test(part));
}

/**
 * The fields of a connection string of Azure and StackExchange.Redis: hosts and `key=value`, separated by commas. One
 * host is a server, several are the seeds of a cluster; with a `serviceName` all are sentinels. As there, the sentinels
 * get the credentials of the servers unless they have some of their own, and the port of a host without one is 6380
 * with TLS. Values are not percent-encoded.
 *
 * @throws ConfigError with all issues at once. It names parts by their number: what looks like a key may be the rest of a
 *   password that has a comma. For the same reason all hosts stand before the first key.
 */
export function parseConnectionString(text: string, name: string): readonly FieldValue[] {
  const { hosts, values, issues } = readParts(text, name);
  const fields: FieldValue[] = [];
  const collect = (make: () => readonly FieldValue[]): void => {
    fields.push(...(attempt(make, (found) => issues.push(...found)) ?? []));
  };
  collect(() => tlsFields(values, name));
  collect(() => placeFields({ hosts, values }, name));
  collect(() => [['db', databaseOf(values.get('defaultDatabase') ?? '', `${name} defaultDatabase`)]]);
  collect(() => [['connectTimeout', milliseconds('connectTimeout', values, name)]]);
  const commandTimeout = values.has('asyncTimeout') ? 'asyncTimeout' : 'syncTimeout';
  collect(() => [['commandTimeout', milliseconds(commandTimeout, values, name)]]);
  if (issues.length > 0) throw new ConfigError(issues);
  return [
    ...fields,
    ['username', values.get('user')],
    ['password', values.get('password')],
    ['clientName', values.get('name')],
  ];
}

interface Parts {
  readonly hosts: readonly string[];
  /** Without those that are empty, which mean that there is none. */
  readonly values: ReadonlyMap<string, string>;
}

function readParts(text: string, name: string): Parts & { readonly issues: ConfigIssue[] } {
  const hosts: string[] = [];
  const values = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  const given = new Set<string>();
  for (const [index, part] of text.split(',').entries()) {
    const [left, value] = splitOnce(part, '=').map((half) => half.trim()) as [string, string?];
    const option = `${name} part ${index + 1}`;
    if (value === undefined) {
      if (left !== '' && given.size > 0) issues.push({ option, expected: 'a key and a value', received: 'neither' });
      else if (left !== '') hosts.push(left);
      continue;
    }
    const key = KEYS.get(left.toLowerCase());
    if (key === undefined) {
      issues.push(unknownKey(left, option));
    } else if (given.has(key)) {
      issues.push({ option, expected: `the only \`${key}\``, received: 'another one' });
    } else if (REFUSED[key]?.test(value) === false) {
      issues.push({ option, expected: `without \`${key}\`, which is not supported`, received: 'a value for it' });
    } else if (value !== '') {
      values.set(key, value);
    }
    given.add(key ?? left);
  }
  if (hosts.length === 0) issues.push({ option: name, expected: 'to name a host', received: 'none' });
  return { hosts, values, issues };
}

function unknownKey(key: string, option: string): ConfigIssue {
  if (key.startsWith('$')) {
    return { option, expected: 'without renamed commands, which are not supported', received: 'a renamed command' };
  }
  const near = nearest(key, [...KEYS.values()]);
  const hint = near === undefined ? `one of ${MEANT.join(', ')}` : `a known key – did you mean \`${near}\`?`;
  return { option, expected: hint, received: 'an unknown key' };
}

function placeFields({ hosts, values }: Parts, name: string): readonly FieldValue[] {
  const master = values.get('serviceName');
  const defaultPort = master !== undefined ? 26_379 : isOn(values.get('ssl')) ? 6380 : 6379;
  const addresses = hosts.map((host, index) => parseAddress(`${name} part ${index + 1}`, host, defaultPort));
  const nodes = addresses.map(formatAddress);
  if (master !== undefined) {
    const username = values.get('sentinelUser') ?? values.get('user');
    const password = values.get('sentinelPassword') ?? values.get('password');
    return [['sentinel', { nodes, master, username, password }]];
  }
  if (nodes.length > 1) return [['cluster', nodes]];
  return [
    ['host', addresses[0]?.host],
    ['port', addresses[0]?.port],
  ];
}

const PROTOCOLS: Readonly<Record<string, 'TLSv1.2' | 'TLSv1.3'>> = {
  tls12: 'TLSv1.2',
  tls13: 'TLSv1.3',
};

function tlsFields(values: ReadonlyMap<string, string>, name: string): readonly FieldValue[] {
  const ssl = values.get('ssl');
  const [servername, protocols] = [values.get('sslHost'), values.get('sslProtocols')];
  if (ssl !== undefined && !isOn(ssl) && !/^(false|no|off|0)$/i.test(ssl)) {
    throw new ConfigError([{ option: `${name} ssl`, expected: 'True or False', received: 'something else' }]);
  }
  if (servername === undefined && protocols === undefined) return [['tls', ssl === undefined ? undefined : isOn(ssl)]];
  if (!isOn(ssl)) {
    throw new ConfigError([
      { option: `${name} ssl`, expected: 'True beside sslHost or sslProtocols', received: 'none' },
    ]);
  }
  const versions = protocols?.split('|').map((one) => PROTOCOLS[one.trim().toLowerCase()] ?? '');
  if (versions?.includes('') === true) {
    const expected = 'Tls12, Tls13, or both with | between';
    throw new ConfigError([{ option: `${name} sslProtocols`, expected, received: 'another one' }]);
  }
  return [['tls', { servername, minVersion: versions?.sort()[0] }]];
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(true|yes|on|1)$/i.test(value);
}

function milliseconds(key: string, values: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = values.get(key);
  if (text === undefined || /^\d{1,12}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new ConfigError([{ option: `${name} ${key}`, expected: 'whole milliseconds', received: 'something else' }]);
}
