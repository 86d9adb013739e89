import type { CodecOptions } from '../codec/index.js';
import { checkInteger, checkKnown, checkText, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { ConfigError, type ConfigIssue } from '../core/errors.js';
import { checkPrefix } from '../core/key-space.js';
import type { PoolOptions, TlsOptions } from './redis-options.js';
import type { Settings, Target } from './settings.js';
import type { Draft, Field } from './config-draft.js';

const DEFAULTS = {
  host: '127.0.0.1',
  port: 6379,
  prefix: 'ru',
  connectTimeout: '5s',
  commandTimeout: '5s',
  poolMax: 10,
  acquireTimeout: '5s',
  idleTimeout: '1m',
} as const;

/** Checks every field of a draft. @throws ConfigError with all issues at once */
export function checkSettings(draft: Draft): Settings {
  const issues: ConfigIssue[] = [...draft.issues];
  const collect = <T>(check: () => T): T | undefined => {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      issues.push(...error.issues);
      return undefined;
    }
  };
  const field = <T>(name: Field, check: (path: string, value: unknown) => T, fallback: T): T => {
    const value = draft.get(name);
    return value === undefined ? fallback : (collect(() => check(draft.nameOf(name), value)) ?? fallback);
  };
  const duration = (name: Field, fallback: Duration): number =>
    field(name, (path, value) => toMs(value as Duration, path), toMs(fallback, name));

  const tls = field('tls', checkTls, undefined);
  const target = checkTarget(draft, field);
  const db = field('db', (path, value) => checkInteger(path, value, { min: 0, max: 1_000_000 }), 0);
  const settings: Settings = {
    target,
    db,
    tls,
    endpoint: describe(target, db, tls !== undefined),
    username: field('username', checkText, undefined),
    password: field('password', checkSecret, undefined),
    prefix: field('prefix', checkPrefix, DEFAULTS.prefix),
    clientName: field('clientName', checkClientName, undefined),
    connectTimeoutMs: duration('connectTimeout', DEFAULTS.connectTimeout),
    commandTimeoutMs: duration('commandTimeout', DEFAULTS.commandTimeout),
    pool: field('pool', checkPool, checkPool('pool', {})),
    codec: draft.get('codec') as CodecOptions | undefined,
  };
  if (tls !== undefined && target.kind !== 'tcp') {
    issues.push({ option: 'tls', expected: `off for ${settings.endpoint}`, received: 'TLS options' });
  }
  if (settings.username !== undefined && settings.password === undefined) {
    issues.push({ option: 'password', expected: 'given together with `username`', received: 'undefined' });
  }
  if (issues.length > 0) throw new ConfigError(issues);
  return Object.freeze(settings);
}

type FieldReader = <T>(name: Field, check: (path: string, value: unknown) => T, fallback: T) => T;

function checkTarget(draft: Draft, field: FieldReader): Target {
  if (draft.get('memory') !== undefined) return { kind: 'memory', name: String(draft.get('memory')) };
  const path = field<string | undefined>('socketPath', checkText, undefined);
  if (path !== undefined) return { kind: 'unix', path };
  return {
    kind: 'tcp',
    host: field<string>('host', checkText, DEFAULTS.host),
    port: field<number>('port', (name, value) => checkInteger(name, value, { min: 1, max: 65_535 }), DEFAULTS.port),
  };
}

function describe(target: Target, db: number, tls: boolean): string {
  if (target.kind === 'memory') return `memory://${target.name}`;
  if (target.kind === 'unix') return `redis+unix://${target.path}?db=${db}`;
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  return `${tls ? 'rediss' : 'redis'}://${host}:${target.port}/${db}`;
}

const TLS_NAMES = ['ca', 'cert', 'key', 'passphrase', 'servername'] as const;

function checkTls(path: string, value: unknown): TlsOptions | undefined {
  if (value === false) return undefined;
  if (value === true) return {};
  checkKnown(path, value, TLS_NAMES);
  const options = value as TlsOptions;
  for (const name of ['ca', 'cert', 'key'] as const) {
    const part = options[name];
    if (part !== undefined && typeof part !== 'string' && !(part instanceof Uint8Array)) {
      throw wrong(`${path}.${name}`, 'PEM text or bytes', part);
    }
  }
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw wrong(path, 'given `cert` and `key` together', options);
  }
  if (options.servername !== undefined) checkText(`${path}.servername`, options.servername);
  return options;
}

function checkPool(path: string, value: unknown): Settings['pool'] {
  checkKnown(path, value, ['max', 'acquireTimeout', 'idleTimeout']);
  const options = value as PoolOptions;
  return {
    max: checkInteger(`${path}.max`, options.max ?? DEFAULTS.poolMax, { min: 1, max: 10_000 }),
    acquireTimeoutMs: toMs(options.acquireTimeout ?? DEFAULTS.acquireTimeout, `${path}.acquireTimeout`),
    idleTimeoutMs: toMs(options.idleTimeout ?? DEFAULTS.idleTimeout, `${path}.idleTimeout`),
  };
}

function checkSecret(path: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(path, 'a non-empty string', value);
}

function checkClientName(path: string, value: unknown): string {
  const name = checkText(path, value);
  if (!/^[!-~]+$/.test(name)) throw wrong(path, 'printable ASCII without spaces', value);
  return name;
}
