import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { RedisConfig } from '../../../src/client/index.js';
import { issuesOf, refusal } from './config-issues-of.js';

const SECRET = 'hunter2';
const folder = mkdtempSync(join(tmpdir(), 'ru-config-env-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function secretFile(): string {
  const file = join(folder, 'secret');
  writeFileSync(file, `${SECRET}\n`);
  return file;
}

describe('RedisConfig.fromEnv', () => {
  it('reads the parts', () => {
    const env = {
      REDIS_HOST: 'h',
      REDIS_PORT: '7',
      REDIS_USERNAME: 'u',
      REDIS_PASSWORD: SECRET,
      REDIS_DB: '2',
      REDIS_KEY_PREFIX: 'p',
    };
    const config = RedisConfig.fromEnv({
      env: {
        ...env,
        REDIS_COMMAND_TIMEOUT: '2s',
        REDIS_CONNECT_TIMEOUT: '900',
        REDIS_POOL_MAX: '3',
        REDIS_CLIENT_NAME: 'svc',
      },
    });
    expect(config.endpoint).toBe('redis://h:7/2');
    expect(config.settings()).toMatchObject({
      username: 'u',
      password: SECRET,
      prefix: 'p',
      commandTimeoutMs: 2_000,
      connectTimeoutMs: 900,
      clientName: 'svc',
      pool: { max: 3 },
    });
  });

  it('reads a password from its file, and leaves certificates to the connections', () => {
    const file = secretFile();
    const config = RedisConfig.fromEnv({
      env: { REDIS_HOST: 'h', REDIS_PASSWORD_FILE: file, REDIS_TLS: 'yes', REDIS_TLS_CA_FILE: file },
    });
    expect(config.settings()).toMatchObject({ password: SECRET, tls: { ca: undefined, caFile: file } });
  });

  it('takes another prefix for several instances', () => {
    expect(RedisConfig.fromEnv({ env: { SESSIONS_URL: 'redis://s' }, envPrefix: 'SESSIONS_' }).endpoint).toBe(
      'redis://s:6379/0',
    );
  });

  it('names the environment variables of all problems at once', () => {
    const env = {
      REDIS_HOST: 'h',
      REDIS_PORT: 'x',
      REDIS_DB: '1.5',
      REDIS_TLS: 'maybe',
      REDIS_PASSWORD_FILE: '/does/not/exist',
      REDIS_SENTINELS: 'a:1',
    };
    expect(issuesOf(() => RedisConfig.fromEnv({ env }))).toEqual([
      'REDIS_PASSWORD_FILE',
      'REDIS_TLS',
      'REDIS_PORT',
      'REDIS_DB',
      'REDIS_SENTINELS',
    ]);
  });

  it('refuses a URL and parts that differ', () => {
    expect(issuesOf(() => RedisConfig.fromEnv({ env: { REDIS_URL: 'redis://a', REDIS_HOST: 'b' } }))).toEqual(['host']);
    expect(RedisConfig.fromEnv({ env: { REDIS_URL: 'redis://a', REDIS_HOST: 'a' } }).endpoint).toBe('redis://a:6379/0');
  });

  it.each([undefined, 'production', 'Test', 'staging'])(
    'throws when nothing is set and NODE_ENV is %s, naming the embedded engine',
    (mode) => {
      expect(() => RedisConfig.fromEnv({ env: { NODE_ENV: mode } })).toThrow(/REDIS_URL=memory:\/\/dev/);
    },
  );

  it.each(['development', 'test'])(
    'uses the embedded engine when nothing is set and NODE_ENV is %s, with one warning',
    (mode) => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const config = RedisConfig.fromEnv({ env: { NODE_ENV: mode } });
      expect(config.target.kind).toBe('memory');
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn.mock.calls[0]?.[0]).toMatch(/embedded engine/);
      warn.mockRestore();
    },
  );

  it('reads the nodes of a cluster', () => {
    const env = { REDIS_CLUSTER_NODES: 'a:7000, [::1]:7001,b', REDIS_PASSWORD: SECRET, REDIS_TLS: 'on' };
    const config = RedisConfig.fromEnv({ env });
    expect(config.endpoint).toBe('rediss-cluster://a:7000,[::1]:7001,b:6379');
    expect(config.settings().password).toBe(SECRET);
  });

  it('reads sentinels, with the password from its file', () => {
    const env = {
      REDIS_SENTINELS: 'a,b:5000',
      REDIS_SENTINEL_MASTER: 'main',
      REDIS_SENTINEL_USERNAME: 'watcher',
      REDIS_SENTINEL_PASSWORD_FILE: secretFile(),
      REDIS_DB: '2',
    };
    const config = RedisConfig.fromEnv({ env });
    expect(config.endpoint).toBe('redis-sentinel://a:26379,b:5000/2?master=main');
    expect(config.settings().target).toMatchObject({ master: 'main', username: 'watcher', password: SECRET });
    expect(config.explain()).toContainEqual({
      field: 'sentinel.password',
      value: '***',
      source: 'REDIS_SENTINEL_PASSWORD',
    });
  });

  it('takes the credentials of sentinels that the URL names', () => {
    const env = { REDIS_URL: 'redis-sentinel://a?master=m', REDIS_SENTINEL_PASSWORD: SECRET };
    expect(RedisConfig.fromEnv({ env }).settings().target).toMatchObject({ kind: 'sentinel', password: SECRET });
  });

  it('names the variable of each part', () => {
    const env = {
      REDIS_SENTINELS: 'a,b:0',
      REDIS_SENTINEL_USERNAME: 'u',
      REDIS_TLS_CA: 'x',
      REDIS_TLS_CA_FILE: '/x',
      REDIS_TLS_KEY: 'x',
      REDIS_POOL_MAX: '0',
    };
    const options = issuesOf(() => RedisConfig.fromEnv({ env }));
    expect(options).toEqual(
      expect.arrayContaining([
        'REDIS_TLS_CA_FILE',
        'REDIS_TLS_CERT',
        'REDIS_SENTINELS[1] port',
        'REDIS_SENTINEL_MASTER',
        'REDIS_SENTINEL_PASSWORD',
        'REDIS_POOL_MAX',
      ]),
    );
    expect(options).toHaveLength(6);
    expect(issuesOf(() => RedisConfig.fromEnv({ env: { REDIS_CLUSTER_NODES: 'a,b:c' } }))).toEqual([
      'REDIS_CLUSTER_NODES[1]',
    ]);
  });

  it.each([
    [{ REDIS_CLUSTER_NODES: 'a', REDIS_SENTINELS: 'b', REDIS_SENTINEL_MASTER: 'm' }, ['REDIS_SENTINELS']],
    [{ REDIS_HOST: 'a', REDIS_CLUSTER_NODES: 'b' }, ['REDIS_CLUSTER_NODES']],
    [{ REDIS_URL: 'redis-cluster://a', REDIS_CLUSTER_NODES: 'b' }, ['cluster']],
    [{ REDIS_URL: 'redis-cluster://a', REDIS_DB: '1' }, ['REDIS_DB']],
    [{ REDIS_URL: 'redis://a', REDIS_TLS: 'true' }, ['tls']],
    [{ REDIS_URL: 'redis-sentinel://a?master=m', REDIS_SENTINEL_MASTER: 'n' }, ['sentinel.master']],
    [{ REDIS_SENTINEL_MASTER: 'm' }, ['REDIS_SENTINELS']],
  ])('refuses %j, naming %s', (env, options) => {
    expect(issuesOf(() => RedisConfig.fromEnv({ env }))).toEqual(options);
  });

  it.each([
    { UPSTASH_REDIS_REST_URL: 'https://x.upstash.io', NODE_ENV: 'development' },
    { UPSTASH_REDIS_REST_TOKEN: SECRET },
    { REDIS_URL: 'https://x.upstash.io' },
  ])('says where the rediss:// URL is when there is only an HTTP API: %j', (env) => {
    const error = refusal(() => RedisConfig.fromEnv({ env }));
    expect(error.issues).toHaveLength(1);
    expect(error.message).toMatch(/HTTP API.*rediss:\/\/ URL.*TCP/s);
    expect(error.message).not.toContain(SECRET);
  });

  it('lets variables of an HTTP API be when other names are asked for', () => {
    const env = { UPSTASH_REDIS_REST_URL: 'https://x.upstash.io' };
    expect(issuesOf(() => RedisConfig.fromEnv({ env, envPrefix: 'SESSIONS_' }))).toEqual(['SESSIONS_URL']);
  });

  it('lets variables of an HTTP API be when there is an address', () => {
    const env = { UPSTASH_REDIS_REST_URL: 'https://x.upstash.io', REDIS_URL: 'redis://a' };
    expect(RedisConfig.fromEnv({ env }).endpoint).toBe('redis://a:6379/0');
  });
});
