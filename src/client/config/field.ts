import type { RedisOptions } from './redis-options.js';

/** The fields of a configuration before they are checked; `memory` is only ever set by a URL. */
export type Field = keyof Omit<RedisOptions, 'url'> | 'memory';

/** A field and its value, as a URL or a connection string sets them. */
export type FieldValue = readonly [Field, unknown];

export const FIELDS: readonly Field[] = [
  'host',
  'port',
  'socketPath',
  'memory',
  'cluster',
  'sentinel',
  'username',
  'password',
  'credentials',
  'db',
  'tls',
  'prefix',
  'clientName',
  'connectTimeout',
  'commandTimeout',
  'unresponsiveAfter',
  'heartbeat',
  'maxInFlight',
  'offlineQueue',
  'reconnect',
  'retry',
  'breaker',
  'pool',
  'codec',
];

export const OPTION_NAMES: readonly string[] = ['url', ...FIELDS.filter((field) => field !== 'memory')];

/** Each of these says where to connect to, so that only one may be set. */
export const PLACES = [
  'memory',
  'host',
  'port',
  'socketPath',
  'cluster',
  'sentinel',
] as const satisfies readonly Field[];

/** All that a new URL replaces. */
export const ADDRESS: readonly Field[] = [...PLACES, 'username', 'password', 'credentials', 'db', 'tls'];
