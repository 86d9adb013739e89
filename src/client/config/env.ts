import { readFileSync } from 'node:fs';

import { checkKnown } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';
import { Draft } from './draft.js';
import { type Field, PLACES } from './field.js';

export interface EnvOptions {
  /** What to read instead of `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What every name begins with. Default `REDIS_`. */
  readonly envPrefix?: string | undefined;
}

type Convert = (text: string, name: string) => unknown;

const asText: Convert = (text) => text;
const asInteger: Convert = (text) => (/^\d+$/.test(text) ? Number(text) : text);
const asDuration: Convert = asInteger;

const asList: Convert = (text) => text.split(',').map((one) => one.trim());

/** Environment names (after the prefix) of the fields that one variable sets. */
const VARIABLES: readonly (readonly [string, Field, Convert])[] = [
  ['HOST', 'host', asText],
  ['PORT', 'port', asInteger],
  ['CLUSTER_NODES', 'cluster', asList],
  ['USERNAME', 'username', asText],
  ['DB', 'db', asInteger],
  ['KEY_PREFIX', 'prefix', asText],
  ['CLIENT_NAME', 'clientName', asText],
  ['CONNECT_TIMEOUT', 'connectTimeout', asDuration],
  ['COMMAND_TIMEOUT', 'commandTimeout', asDuration],
];

/** The variables of options that several set together. */
const PARTS: Readonly<Record<string, string>> = {
  password: 'PASSWORD',
  tls: 'TLS',
  'tls.ca': 'TLS_CA',
  'tls.caFile': 'TLS_CA_FILE',
  'tls.cert': 'TLS_CERT',
  'tls.certFile': 'TLS_CERT_FILE',
  'tls.key': 'TLS_KEY',
  'tls.keyFile': 'TLS_KEY_FILE',
  'tls.servername': 'TLS_SERVERNAME',
  sentinel: 'SENTINELS',
  'sentinel.nodes': 'SENTINELS',
  'sentinel.master': 'SENTINEL_MASTER',
  'sentinel.username': 'SENTINEL_USERNAME',
  'sentinel.password': 'SENTINEL_PASSWORD',
  pool: 'POOL_MAX',
  'pool.max': 'POOL_MAX',
};

/** Reads the environment into a draft; problems are collected in it. The only place that touches `process.env`. */
export function readEnv(options: EnvOptions = {}): Draft {
  checkKnown('fromEnv', options, ['env', 'envPrefix']);
  const env = options.env ?? process.env;
  const prefix = options.envPrefix ?? 'REDIS_';
  const names = [...VARIABLES.map(([name, field]) => [field, name] as const), ...Object.entries(PARTS)];
  const draft = new Draft(new Map(names.map(([option, name]) => [option, prefix + name])));
  const read = (name: string): string | undefined => env[prefix + name] || undefined;
  const source: EnvSource = { read, prefix, draft };
  const url = read('URL');
  if (url !== undefined) draft.addUrl(url, `${prefix}URL`);
  for (const [name, field, convert] of VARIABLES) {
    // an empty prefix is a choice, any other empty variable is one that is not set
    const text = field === 'prefix' ? env[prefix + name] : read(name);
    if (text !== undefined) draft.set(field, convert(text, prefix + name), prefix + name);
  }
  draft.set('password', readOrFile(source, 'PASSWORD'), `${prefix}PASSWORD`);
  draft.set('sentinel', readSentinel(source), `${prefix}SENTINELS`);
  draft.set('tls', readTls(source), `${prefix}TLS`);
  const max = read('POOL_MAX');
  if (max !== undefined) draft.set('pool', { max: asInteger(max, `${prefix}POOL_MAX`) }, `${prefix}POOL_MAX`);
  const hasAddress = url !== undefined || PLACES.some((place) => draft.get(place) !== undefined);
  if (!hasAddress && !refuseHttp(env, source)) fallBack(draft, env, prefix);
  return draft;
}

interface EnvSource {
  /** The variable of this name behind the prefix; undefined when it is not set, or empty. */
  readonly read: (name: string) => string | undefined;
  readonly prefix: string;
  readonly draft: Draft;
}

/** `NAME`, or the content of the file that `NAME_FILE` points to, without a final newline. */
function readOrFile({ read, prefix, draft }: EnvSource, name: string): string | undefined {
  const direct = read(name);
  const path = read(`${name}_FILE`);
  if (path === undefined) return direct;
  if (direct !== undefined) {
    const both = `${prefix}${name}_FILE`;
    draft.issues.push({ option: both, expected: `unset when ${prefix}${name} is set`, received: 'both' });
    return direct;
  }
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'an error';
    draft.issues.push({ option: `${prefix}${name}_FILE`, expected: 'a file that can be read', received: reason });
    return undefined;
  }
}

function readSentinel(source: EnvSource): unknown {
  const { read } = source;
  const nodes = read('SENTINELS');
  const parts = {
    nodes: nodes === undefined ? undefined : asList(nodes, 'SENTINELS'),
    master: read('SENTINEL_MASTER'),
    username: read('SENTINEL_USERNAME'),
    password: readOrFile(source, 'SENTINEL_PASSWORD'),
  };
  return Object.values(parts).some((part) => part !== undefined) ? parts : undefined;
}

/** Files of certificates are left to the connection, which reads them anew each time. */
function readTls({ read, prefix, draft }: EnvSource): unknown {
  const flag = read('TLS');
  const parts = {
    ca: read('TLS_CA'),
    caFile: read('TLS_CA_FILE'),
    cert: read('TLS_CERT'),
    certFile: read('TLS_CERT_FILE'),
    key: read('TLS_KEY'),
    keyFile: read('TLS_KEY_FILE'),
    servername: read('TLS_SERVERNAME'),
  };
  const given = Object.values(parts).some((part) => part !== undefined);
  if (flag === undefined || isOn(flag)) return given ? parts : flag === undefined ? undefined : true;
  if (/^(0|false|no|off)$/i.test(flag)) return false;
  draft.issues.push({ option: `${prefix}TLS`, expected: 'true or false', received: 'something else' });
  return undefined;
}

function isOn(flag: string): boolean {
  return /^(1|true|yes|on)$/i.test(flag);
}

/** Variables that platforms set for an HTTP API, and that look as if they were an address of Redis. */
function refuseHttp(env: Readonly<Record<string, string | undefined>>, { prefix, draft }: EnvSource): boolean {
  if (prefix !== 'REDIS_') return false;
  const found = ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'].find((name) => env[name]);
  if (found === undefined) return false;
  const expected =
    'replaced by REDIS_URL: it belongs to an HTTP API, which this library does not speak – the rediss:// URL of the ' +
    'same database is in the Upstash console, under the tab "TCP" (or "Redis")';
  draft.issues.push({ option: found, expected, received: 'an address of the HTTP API' });
  return true;
}

/** No address at all: the embedded engine, but only where a developer is at work, and never silently. */
function fallBack(draft: Draft, env: Readonly<Record<string, string | undefined>>, prefix: string): void {
  const mode = env['NODE_ENV'];
  if (mode !== 'development' && mode !== 'test') {
    draft.issues.push({
      option: `${prefix}URL`,
      expected: `set, for example ${prefix}URL=redis://localhost:6379, or ${prefix}URL=memory://dev for the embedded engine`,
      received: 'no address in the environment',
    });
    return;
  }
  if (draft.issues.length > 0) throw new ConfigError(draft.issues);
  draft.set('memory', mode, 'NODE_ENV');
  process.emitWarning(
    `No ${prefix}URL is set and NODE_ENV is ${mode}: using the embedded engine. Its data live in this process only.`,
    'RedisUtilsWarning',
  );
}
