import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { RedisConfig, type RedisOptions, type TlsOptions } from '../../../src/client/index.js';
import { issuesOf } from './config-issues-of.js';

const SECRET = 'hunter2';
const DIGEST = Buffer.alloc(32, 7).toString('base64');

describe('TLS options', () => {
  it('become one shape', () => {
    const pin = [`sha256/${DIGEST}`, `sha256//${DIGEST}`];
    const tls: TlsOptions = { caFile: '/ca', cert: 'x', keyFile: '/key', minVersion: 'TLSv1.3', pin };
    expect(RedisConfig.from({ tls }).settings().tls).toEqual({
      ca: undefined,
      caFile: '/ca',
      cert: 'x',
      certFile: undefined,
      key: undefined,
      keyFile: '/key',
      passphrase: undefined,
      servername: undefined,
      minVersion: 'TLSv1.3',
      pins: [DIGEST, DIGEST],
      dangerouslySkipVerification: false,
    });
  });

  it('of a digest whose first digit is a slash are told from those of curl', () => {
    const digest = Buffer.alloc(32, 255).toString('base64');
    expect(digest).toMatch(/^\//);
    const { tls } = RedisConfig.from({ tls: { pin: [`sha256/${digest}`, `sha256//${digest}`] } }).settings();
    expect(tls?.pins).toEqual([digest, digest]);
  });

  it.each<[unknown, string[]]>([
    [{ ca: 'x', caFile: '/x', cert: 'x', certFile: '/x', key: 'x' }, ['tls.caFile', 'tls.certFile']],
    [{ keyFile: '/x' }, ['tls.cert']],
    [{ certFile: '/x' }, ['tls.key']],
    [
      { caFile: '', minVersion: 'TLSv1.1', pin: [], passphrase: 1 },
      ['tls.caFile', 'tls.passphrase', 'tls.minVersion', 'tls.pin'],
    ],
    [{ ca: 5 }, ['tls.ca']],
    [{ rejectUnauthorized: false }, ['tls.rejectUnauthorized']],
    [{ dangerouslySkipVerification: 1 }, ['tls.dangerouslySkipVerification']],
    ['yes', ['tls']],
  ])('are refused: %j, naming %s', (tls, names) => {
    expect(issuesOf(() => RedisConfig.from({ tls: tls as TlsOptions }))).toEqual(names);
  });

  it.each([
    DIGEST,
    `sha1/${DIGEST}`,
    `sha256/${DIGEST}x`,
    `sha256/${Buffer.alloc(31).toString('base64')}`,
    `sha256/${Buffer.alloc(33).toString('base64')}`,
    `sha256/${Buffer.alloc(32).toString('hex')}`,
    // 32 zero bytes, with a bit set where there is none left
    `sha256/${'A'.repeat(42)}B=`,
  ])('refuse a pin that is not 32 bytes in base64: %s', (pin) => {
    expect(issuesOf(() => RedisConfig.from({ tls: { pin: [`sha256/${DIGEST}`, pin] } }))).toEqual(['tls.pin']);
  });

  it('are explained without keys, and with what is dangerous', () => {
    const tls = { cert: SECRET, key: SECRET, passphrase: SECRET, dangerouslySkipVerification: true };
    const lines = RedisConfig.from({ tls }).explain();
    expect(JSON.stringify(lines)).not.toContain(SECRET);
    expect(lines).toContainEqual({ field: 'tls.dangerouslySkipVerification', value: 'true', source: 'options' });
    expect(lines).toContainEqual({ field: 'tls.key', value: '***', source: 'options' });
  });
});

describe('a credentials provider', () => {
  const credentials = (): { password: string } => ({ password: SECRET });

  it('is handed on as it is, and never called or printed', () => {
    let calls = 0;
    const provider = (): { password: string } => {
      calls += 1;
      return credentials();
    };
    const config = RedisConfig.fromUrl('redis://h', { credentials: provider });
    expect(config.settings()).toMatchObject({ credentials: provider, username: undefined, password: undefined });
    expect(inspect(config, { depth: 9, showHidden: true })).toContain("credentials: 'from a provider'");
    expect(calls).toBe(0);
  });

  it.each<[RedisOptions, string[]]>([
    [{ credentials, password: SECRET }, ['credentials']],
    [{ credentials, username: 'u' }, ['credentials']],
    [{ credentials, url: `redis://u:${SECRET}@h` }, ['credentials']],
    [{ credentials: { password: SECRET } as never }, ['credentials']],
  ])('is refused beside a password, and unless it is a function: %j', (options, names) => {
    expect(issuesOf(() => RedisConfig.from(options))).toEqual(names);
  });

  it('replaces a password in a copy, and the other way round', () => {
    const config = RedisConfig.fromUrl(`redis://u:${SECRET}@h`);
    const asked = config.with({ credentials });
    expect(asked.settings()).toMatchObject({ credentials, username: undefined, password: undefined });
    expect(asked.with({ password: 'p' }).settings()).toMatchObject({ credentials: undefined, password: 'p' });
  });
});

describe('limits', () => {
  it('have defaults', () => {
    expect(RedisConfig.from({}).settings()).toMatchObject({
      offlineQueue: { maxCommands: 10_000, maxBytes: 67_108_864, maxWaitMs: 1_000 },
      maxInFlight: 65_536,
      reconnect: { minDelayMs: 50, maxDelayMs: 2_000 },
      unresponsiveAfterMs: 5_000,
      heartbeatMs: 10_000,
      retry: { budget: 0.1, minDelayMs: 10, maxDelayMs: 500 },
      breaker: { failures: 5 },
      pool: { max: 10, acquireTimeoutMs: 5_000, idleTimeoutMs: 60_000, maxAgeMs: 3_600_000, leakAfterMs: 60_000 },
    });
  });

  it('are taken one by one, the others keeping their defaults', () => {
    const settings = RedisConfig.from({
      offlineQueue: { maxBytes: 5 },
      maxInFlight: 1,
      reconnect: { minDelay: '2s' },
      unresponsiveAfter: 100,
      heartbeat: '1m',
      retry: { budget: 0 },
      breaker: { failures: 1 },
      pool: { leakAfter: '2m', maxAge: '1d' },
    }).settings();
    expect(settings).toMatchObject({
      offlineQueue: { maxCommands: 10_000, maxBytes: 5, maxWaitMs: 1_000 },
      maxInFlight: 1,
      reconnect: { minDelayMs: 2_000, maxDelayMs: 2_000 },
      unresponsiveAfterMs: 100,
      heartbeatMs: 60_000,
      retry: { budget: 0, minDelayMs: 10, maxDelayMs: 500 },
      breaker: { failures: 1 },
      pool: { max: 10, maxAgeMs: 86_400_000, leakAfterMs: 120_000 },
    });
  });

  it('that may be off are off with false', () => {
    const config = RedisConfig.from({ offlineQueue: false, retry: false, breaker: false, pool: { leakAfter: false } });
    expect(config.settings()).toMatchObject({ offlineQueue: undefined, retry: undefined, breaker: undefined });
    expect(config.settings().pool.leakAfterMs).toBeUndefined();
    expect(
      config
        .explain()
        .filter(({ value }) => value === 'off')
        .map(({ field }) => field),
    ).toEqual(['tls', 'offlineQueue', 'retry', 'breaker', 'pool.leakAfter']);
  });

  it('are refused out of their range, all at once', () => {
    const wrong = {
      offlineQueue: { maxCommands: 0, maxBytes: 2 ** 31, maxWait: 0, maxAge: 1 },
      maxInFlight: 1.5,
      reconnect: { minDelay: '3s' },
      unresponsiveAfter: false,
      heartbeat: '10 s',
      retry: { budget: 1.1, minDelay: -1 },
      breaker: { failures: 0 },
      pool: { max: 0, maxAge: 0, leakAfter: 0 },
    } as unknown as RedisOptions;
    expect(issuesOf(() => RedisConfig.from(wrong)).sort()).toEqual(
      [
        'offlineQueue.maxCommands',
        'offlineQueue.maxBytes',
        'offlineQueue.maxWait',
        'offlineQueue.maxAge',
        'maxInFlight',
        'reconnect.minDelay',
        'unresponsiveAfter',
        'heartbeat',
        'retry.budget',
        'retry.minDelay',
        'breaker.failures',
        'pool.max',
        'pool.maxAge',
        'pool.leakAfter',
      ].sort(),
    );
  });

  it.each<[object, string[]]>([
    [{ retry: { minDelay: '1s' } }, ['retry.minDelay']],
    [{ retry: true }, ['retry']],
    [{ reconnect: false }, ['reconnect']],
    [{ breaker: null }, ['breaker']],
    [{ pool: [] }, ['pool']],
    [{ pool: { max: null, idleTimeout: null } }, ['pool.max', 'pool.idleTimeout']],
    [{ host: null, db: null, prefix: null }, ['host', 'db', 'prefix']],
    [{ tls: { minVersion: null } }, ['tls.minVersion']],
  ])('are refused: %j, naming %s', (options, names) => {
    expect(issuesOf(() => RedisConfig.from(options as RedisOptions))).toEqual(names);
  });
});
