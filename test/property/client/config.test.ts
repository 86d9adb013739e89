import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ConfigError, RedisConfig } from '../../../src/client/index.js';

/** Stands in every secret, in letters that no encoding changes. */
const MARK = 'S3cr3tS3cr3t';
const RUNS = { numRuns: 200 };

const secret = fc.string({ unit: 'binary', maxLength: 12 }).map((s) => `${s.toWellFormed()}${MARK}`);
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
/** As the runtime's own parser writes it. */
const ipV6 = fc.ipV6().map((ip) => new URL(`http://[${ip}]`).hostname.slice(1, -1));
const host = fc.oneof(word, fc.ipV4(), ipV6, fc.constant('müller.example'));
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc
  .tuple(host, fc.option(port, { nil: undefined }))
  .map(([name, number]) => (name.includes(':') ? `[${name}]` : name) + (number === undefined ? '' : `:${number}`));
const addresses = fc.array(address, { minLength: 1, maxLength: 4 });
const db = fc.integer({ min: 0, max: 1_000 });
const encode = encodeURIComponent;
const user = fc.record({ name: word, password: secret }).map(({ name, password }) => `${name}:${encode(password)}@`);
const vendor = fc.constantFrom(['redis', ''], ['redis', 's'], ['valkey', ''], ['valkey', 's']);
const master = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 }).filter((s) => s.isWellFormed());

/** A valid URL of any kind, with a secret in each place that may hold one. */
const url = fc.oneof(
  fc.tuple(vendor, user, address, db).map(([[v, s], u, a, n]) => `${v}${s}://${u}${a}/${n}`),
  fc.tuple(word, db).map(([path, n]) => `redis+unix:///${path}/s.sock?db=${n}`),
  fc.tuple(vendor, user, addresses).map(([[v, s], u, list]) => `${v}${s}-cluster://${u}${list.join()}`),
  fc
    .record({ vendor, user, list: addresses, db, master, name: word, password: secret })
    .map(({ vendor: [v, s], user: u, list, db: n, master: m, name, password }) => {
      const query = `master=${encode(m)}&sentinelUsername=${name}&sentinelPassword=${encode(password)}`;
      return `${v}${s}-sentinel://${u}${list.join()}/${n}?${query}`;
    }),
  fc
    .tuple(addresses, word, fc.option(word, { nil: undefined }))
    .map(([list, name, service]) =>
      [...list, `user=${name}`, `password=a${MARK}=`, service === undefined ? '' : `serviceName=${service}`].join(),
    ),
);

function printed(config: RedisConfig): string {
  const lines = JSON.stringify(config.explain());
  return [inspect(config, { depth: 9, showHidden: true }), JSON.stringify(config), String(config), lines].join('\n');
}

/** The configuration, or the error that refuses it; anything else that is thrown fails the test. */
function attempt(make: () => RedisConfig): RedisConfig | ConfigError {
  try {
    return make();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function shown(result: RedisConfig | ConfigError): string {
  if (result instanceof RedisConfig) return printed(result);
  return [result.message, JSON.stringify(result), inspect(result, { depth: 9 })].join('\n');
}

describe('a valid URL', () => {
  it('leads by its endpoint to the same place, and nothing printed shows a secret', () => {
    fc.assert(
      fc.property(url, (text) => {
        const config = RedisConfig.fromUrl(text);
        const again = RedisConfig.fromUrl(config.endpoint);
        expect(again.target).toEqual(config.target);
        expect(again.endpoint).toBe(config.endpoint);
        expect(again.settings().db).toBe(config.settings().db);
        expect(printed(config)).not.toContain(MARK);
      }),
      RUNS,
    );
  });

  it('gives back credentials as they were before they were encoded', () => {
    fc.assert(
      fc.property(fc.tuple(vendor, word), secret, addresses, ([[v, s], name], password, list) => {
        const config = RedisConfig.fromUrl(`${v}${s}-cluster://${name}:${encode(password)}@${list.join()}`);
        expect(config.settings()).toMatchObject({ username: name, password });
        const one = RedisConfig.fromUrl(`${v}${s}://${name}:${encode(password)}@${list[0]}`);
        expect(one.settings()).toMatchObject({ username: name, password });
      }),
      RUNS,
    );
  });
});

/** Text that looks like a URL or a connection string, in pieces that do not fit. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          'redis://',
          'rediss-cluster://',
          'redis-sentinel://',
          'redis+unix://',
          'memory://',
          'valkeys://',
          'http://',
        ],
        ...[':', '@', ',', '/', '?', '#', '&', '=', '%', '[', ']', '%zz', '%ff', '::1', '\ud800', ' ', '\0', '\n'],
        ...['master=m', 'db=1', 'ssl=True', 'password=', 'serviceName=', 'user', 'h', 'h:1', '6379', '99999'],
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''));

describe('any text at all', () => {
  it('as a URL is a configuration or a ConfigError', () => {
    fc.assert(
      fc.property(fc.oneof(pieces, fc.string({ unit: 'binary' })), (text) => {
        const result = attempt(() => RedisConfig.fromUrl(text));
        if (result instanceof ConfigError) expect(result.issues.length).toBeGreaterThan(0);
        else expect(result.endpoint).toMatch(/^(rediss?(-cluster|-sentinel|\+unix)?|memory):\/\//);
      }),
      { numRuns: 1_000 },
    );
  });

  it('as a password that was not encoded is never shown, whatever the URL is taken for', () => {
    const scheme = fc.constantFrom('redis', 'rediss', 'redis-cluster', 'redis-sentinel', 'redis+unix');
    const raw = fc
      .tuple(pieces, fc.constantFrom('', '1', '12/', '1?', '3#'))
      .map(([s, start]) => `${start}${s}${MARK}`);
    fc.assert(
      fc.property(scheme, raw, fc.constantFrom('h', 'h:1', 'a,b', '/s'), (name, password, rest) => {
        const result = attempt(() => RedisConfig.fromUrl(`${name}://u:${password}@${rest}?master=m`));
        const plain = attempt(() => RedisConfig.fromUrl(`${name}://:${password}@${rest}`));
        expect(shown(result)).not.toContain(MARK);
        expect(shown(plain)).not.toContain(MARK);
      }),
      { numRuns: 1_000 },
    );
  });

  /** Behind a comma stands a new key, and the values of these are names. */
  const namesSomething = /,\s*(user|name|ssl|sslHost|serviceName|sentinelUser)\s*=/i;

  it('as a password in a connection string is never shown', () => {
    fc.assert(
      fc.property(pieces, pieces, (before, after) => {
        const text = `h:1,password=${before}${MARK}${after}`;
        fc.pre(!namesSomething.test(text));
        expect(shown(attempt(() => RedisConfig.fromUrl(text)))).not.toContain(MARK);
        expect(shown(attempt(() => RedisConfig.fromEnv({ env: { REDIS_URL: text } })))).not.toContain(MARK);
      }),
      { numRuns: 500 },
    );
  });

  it('as an option is a configuration or a ConfigError', () => {
    const group = fc.dictionary(fc.constantFrom('max', 'ca', 'pin', 'nodes', 'master', 'minDelay', 'x'), fc.anything());
    const names = [
      'url',
      'host',
      'port',
      'socketPath',
      'cluster',
      'sentinel',
      'username',
      'password',
      'credentials',
      'db',
    ];
    const limits = [
      'tls',
      'pool',
      'retry',
      'breaker',
      'reconnect',
      'offlineQueue',
      'maxInFlight',
      'heartbeat',
      'prefix',
    ];
    const options = fc.dictionary(fc.constantFrom(...names, ...limits), fc.oneof(fc.anything(), group, pieces), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(options, options, (first, patch) => {
        const config = attempt(() => RedisConfig.from(first));
        if (config instanceof RedisConfig) attempt(() => config.with(patch));
      }),
      { numRuns: 500 },
    );
  });
});
