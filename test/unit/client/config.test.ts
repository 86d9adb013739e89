import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { ConfigError, RedisConfig, type RedisOptions } from '../../../src/client/index.js';
import { issuesOf } from './config-issues-of.js';

const SECRET = 'hunter2';

describe('RedisConfig.fromUrl', () => {
  it.each([
    ['redis://cache.internal', { kind: 'tcp', host: 'cache.internal', port: 6379 }, 'redis://cache.internal:6379/0'],
    ['valkey://10.0.0.1:7000/3', { kind: 'tcp', host: '10.0.0.1', port: 7000 }, 'redis://10.0.0.1:7000/3'],
    ['rediss://h:6380', { kind: 'tcp', host: 'h', port: 6380 }, 'rediss://h:6380/0'],
    ['valkeys://h', { kind: 'tcp', host: 'h', port: 6379 }, 'rediss://h:6379/0'],
    ['redis://[::1]:6379', { kind: 'tcp', host: '::1', port: 6379 }, 'redis://[::1]:6379/0'],
    [
      'redis+unix:///run/redis.sock?db=2',
      { kind: 'unix', path: '/run/redis.sock' },
      'redis+unix:///run/redis.sock?db=2',
    ],
    ['memory://dev', { kind: 'memory', name: 'dev' }, 'memory://dev'],
  ])('reads %s', (url, target, endpoint) => {
    const config = RedisConfig.fromUrl(url);
    expect(config.target).toEqual(target);
    expect(config.endpoint).toBe(endpoint);
  });

  it('decodes credentials', () => {
    const { username, password } = RedisConfig.fromUrl('redis://app:p%40ss%2Fword@h').settings();
    expect([username, password]).toEqual(['app', 'p@ss/word']);
  });

  it.each([
    'http://h',
    'localhost:6379',
    '',
    'redis://',
    'redis://h/x',
    'redis://h?db=1',
    'redis+unix://?db=1',
    'redis+unix:///s?database=1',
    'memory://',
    'redis://h:99999',
    `redis://u:${SECRET}@h:x`,
    'redis://u:%ff@h',
  ])('refuses %s without repeating a secret', (url) => {
    expect(() => RedisConfig.fromUrl(url)).toThrow(ConfigError);
    expect(() => RedisConfig.fromUrl(url)).not.toThrow(SECRET);
  });

  it('refuses parts that contradict the URL', () => {
    expect(issuesOf(() => RedisConfig.fromUrl('redis://h:1', { host: 'other', port: 1, tls: true }))).toEqual([
      'host',
      'tls',
    ]);
  });

  it('lets options say how the TLS of the URL is done', () => {
    expect(RedisConfig.fromUrl('rediss://h', { tls: { servername: 'name' } }).settings().tls).toMatchObject({
      servername: 'name',
      minVersion: 'TLSv1.2',
      pins: [],
      dangerouslySkipVerification: false,
    });
  });
});

describe('RedisConfig.from', () => {
  it('reports every problem at once, with the nearest name for unknown options', () => {
    const wrong = {
      hots: 'x',
      port: 0,
      db: -1,
      commandTimeout: '5 s',
      pool: { max: 0 },
      prefix: 'a{b',
    } as unknown as RedisOptions;
    expect(issuesOf(() => RedisConfig.from(wrong))).toEqual([
      'redis.hots',
      'port',
      'db',
      'prefix',
      'commandTimeout',
      'pool.max',
    ]);
  });

  it.each([
    [{ username: 'app' }, 'password'],
    [{ tls: { cert: 'x' } }, 'tls.key'],
    [{ tls: { serverName: 'x' } }, 'tls.serverName'],
    [{ url: 'memory://x', tls: true }, 'tls'],
    [{ clientName: 'two words' }, 'clientName'],
    [null, 'redis'],
  ])('refuses %j, naming %s', (options, option) => {
    expect(issuesOf(() => RedisConfig.from(options as RedisOptions))).toContain(option);
  });

  it('fills in the defaults', () => {
    const config = RedisConfig.from({});
    expect(config).toMatchObject({
      prefix: 'ru',
      connectTimeoutMs: 5_000,
      commandTimeoutMs: 5_000,
      endpoint: 'redis://127.0.0.1:6379/0',
    });
    expect(config.settings().pool).toEqual({
      max: 10,
      acquireTimeoutMs: 5_000,
      idleTimeoutMs: 60_000,
      maxAgeMs: 3_600_000,
      leakAfterMs: 60_000,
    });
  });

  it('is not changed by later changes of the options it came from', () => {
    const options = { host: 'a' };
    const config = RedisConfig.from(options);
    options.host = 'b';
    expect(config.target).toMatchObject({ host: 'a' });
    expect(() => Object.assign(config.settings(), { db: 5 })).toThrow(TypeError);
  });

  it('gives a changed copy and leaves the original alone', () => {
    const config = RedisConfig.fromUrl(`redis://app:${SECRET}@h/2`);
    const copy = config.with({ url: 'redis://other', prefix: 'x' });
    expect(copy.endpoint).toBe('redis://other:6379/0');
    expect(copy.settings().password).toBeUndefined();
    expect(config.endpoint).toBe('redis://h:6379/2');
    expect(config.with({ db: 3 }).settings()).toMatchObject({ db: 3, password: SECRET });
  });
});

describe('printing a configuration', () => {
  const config = RedisConfig.fromUrl(`rediss://app:${SECRET}@h`, {
    tls: { key: SECRET, cert: SECRET, passphrase: SECRET },
  });

  it('never shows a secret', () => {
    const shown = [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      String(config),
      JSON.stringify(config.explain()),
    ];
    for (const text of shown) expect(text).not.toContain(SECRET);
    expect(shown[0]).toContain('rediss://h:6379/0');
  });

  it('explains where each value came from', () => {
    const lines = RedisConfig.fromEnv({ env: { REDIS_URL: `redis://u:${SECRET}@h`, REDIS_KEY_PREFIX: 'p' } }).explain();
    expect(lines).toContainEqual({ field: 'password', value: '***', source: 'REDIS_URL' });
    expect(lines).toContainEqual({ field: 'prefix', value: 'p', source: 'REDIS_KEY_PREFIX' });
    expect(lines).toContainEqual({ field: 'commandTimeout', value: '5000ms', source: 'default' });
  });
});
