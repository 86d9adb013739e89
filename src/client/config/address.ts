import { isIPv6 } from 'node:net';

import { checkInteger, checkText, wrong } from '../../core/check.js';
import { checkEach } from './issues.js';
import type { Address } from './settings.js';

const ADDRESS = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,6}))?$/;

/**
 * One `host`, `host:port` or `[IPv6]:port`. What came is not repeated in the error: it may be a URL with a password.
 * @throws ConfigError
 */
export function parseAddress(path: string, value: unknown, defaultPort: number): Address {
  const match = typeof value === 'string' ? ADDRESS.exec(value) : null;
  if (match === null) {
    throw wrong(path, 'host or host:port, without credentials, and an IPv6 address in brackets', value);
  }
  const host = checkHost(path, match[1] ?? match[2]);
  const port = match[3] === undefined ? defaultPort : checkPort(`${path} port`, Number(match[3]));
  return Object.freeze({ host, port });
}

/** A list of at least one address. @throws ConfigError */
export function parseAddresses(path: string, value: unknown, defaultPort: number): readonly Address[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(path, 'a list of at least one host:port', value);
  const parsed = checkEach<Record<string, Address>>(
    Object.fromEntries(
      value.map((one: unknown, index) => [index, () => parseAddress(`${path}[${index}]`, one, defaultPort)]),
    ),
  );
  return Object.freeze(Object.values(parsed));
}

/** A host name or an IP address, and nothing that could be a part of a URL. @throws ConfigError */
export function checkHost(path: string, value: unknown): string {
  const host = checkText(path, value);
  if (isIPv6(host) || /^[^\u0000-\u0020\u007f\s/\\@?#%,:[\]<>^|]+$/.test(host)) return host;
  throw wrong(path, 'one host name or IP address (several are `cluster` or `sentinel`)', value);
}

/** @throws ConfigError */
export function checkPort(path: string, value: unknown): number {
  return checkInteger(path, value, { min: 1, max: 65_535 });
}

/** An address as it stands in a URL. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
