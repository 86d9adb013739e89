import { readFileSync } from 'node:fs';

import { checkKnown } from '../core/check.js';
import { ConfigError } from '../core/errors.js';
import { Draft, type Field } from './config-draft.js';

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

/** Environment names (after the prefix) of the fields that one variable sets. */
const VARIABLES: readonly (readonly [string, Field, Convert])[] = [
  ['HOST', 'host', asText],
  ['PORT', 'port', asInteger],
  ['USERNAME', 'username', asText],
  ['DB', 'db', asInteger],
  ['KEY_PREFIX', 'prefix', asText],
  ['CLIENT_NAME', 'clientName', asText],
  ['CONNECT_TIMEOUT', 'connectTimeout', asDuration],
  ['COMMAND_TIMEOUT', 'commandTimeout', asDuration],
];
const NOT_YET = ['CLUSTER_NODES', 'SENTINELS', 'SENTINEL_MASTER'];

/** Reads the environment into a draft; problems are collected in it. The only place that touches `process.env`. */
export function readEnv(options: EnvOptions = {}): Draft {
  checkKnown('fromEnv', options, ['env', 'envPrefix']);
  const env = options.env ?? process.env;
  const prefix = options.envPrefix ?? 'REDIS_';
  const read = (name: string): string | undefined => env[prefix + name] || undefined;
  const draft = new Draft();
  const url = read('URL');
  if (url !== undefined) draft.addUrl(url, `${prefix}URL`);
  for (const [name, field, convert] of VARIABLES) {
    // an empty prefix is a choice, any other empty variable is one that is not set
    const text = field === 'prefix' ? env[prefix + name] : read(name);
    if (text !== undefined) draft.set(field, convert(text, prefix + name), prefix + name);
  }
  const source: EnvSource = { read, prefix, draft };
  draft.set('password', readOrFile(source, 'PASSWORD'), `${prefix}PASSWORD`);
  draft.set('tls', readTls(source), `${prefix}TLS`);
  const max = read('POOL_MAX');
  if (max !== undefined) draft.set('pool', { max: asInteger(max, `${prefix}POOL_MAX`) }, `${prefix}POOL_MAX`);
  for (const name of NOT_YET) {
    if (read(name) === undefined) continue;
    draft.issues.push({ option: prefix + name, expected: 'unset (not supported yet)', received: 'a value' });
  }
  const hasAddress = url !== undefined || draft.get('host') !== undefined || draft.get('port') !== undefined;
  if (!hasAddress) fallBack(draft, env, prefix);
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

function readTls(source: EnvSource): unknown {
  const { read, prefix, draft } = source;
  const flag = read('TLS');
  const parts = {
    ca: readOrFile(source, 'TLS_CA'),
    cert: readOrFile(source, 'TLS_CERT'),
    key: readOrFile(source, 'TLS_KEY'),
    servername: read('TLS_SERVERNAME'),
  };
  const given = Object.values(parts).some((part) => part !== undefined);
  if (flag === undefined) return given ? parts : undefined;
  if (/^(1|true|yes|on)$/i.test(flag)) return given ? parts : true;
  if (/^(0|false|no|off)$/i.test(flag)) return given ? undefined : false;
  draft.issues.push({ option: `${prefix}TLS`, expected: 'true or false', received: 'something else' });
  return undefined;
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
