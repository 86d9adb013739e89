import { inspect } from 'node:util';

import type { CodecOptions } from '../codec/index.js';
import type { Duration } from '../core/duration.js';
import { checkSettings, type Settings, type Target } from './config-check.js';
import { Draft } from './config-draft.js';
import { type EnvOptions, readEnv } from './config-env.js';

/** TLS of the connection. Certificates are PEM text or bytes. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the runtime's own. */
  readonly ca?: string | Uint8Array | undefined;
  /** The client's certificate and key, for servers that ask for one (mutual TLS). */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  readonly passphrase?: string | undefined;
  /** The name that the server's certificate must carry, sent as SNI. Default: the host, unless it is an IP address. */
  readonly servername?: string | undefined;
}

/** Dedicated connections, lent by `lease()`. */
export interface PoolOptions {
  /** Most connections at a time. 1 to 10,000, default 10. */
  readonly max?: number | undefined;
  /** How long `lease()` waits for one. Default `'5s'`. */
  readonly acquireTimeout?: Duration | undefined;
  /** A connection that nobody used for this long is closed. Default `'1m'`. */
  readonly idleTimeout?: Duration | undefined;
}

/** Where Redis is and how to talk to it. A part that `url` also names must agree with it. */
export interface RedisOptions {
  /** `redis[s]://`, `valkey[s]://[user[:password]@]host[:port][/db]`, `redis+unix:///path?db=N` or `memory://name`. */
  readonly url?: string | URL | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 6379. */
  readonly port?: number | undefined;
  /** A unix socket instead of host and port. */
  readonly socketPath?: string | undefined;
  /** ACL user. Without it the password is that of the user `default`. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Logical database, default 0. */
  readonly db?: number | undefined;
  /** `true`, or the details of TLS. Default: as the URL's scheme says, else off. */
  readonly tls?: boolean | TlsOptions | undefined;
  /** First part of every key that the library writes. Default `ru`; empty for none. */
  readonly prefix?: string | undefined;
  /** What `CLIENT LIST` shows. */
  readonly clientName?: string | undefined;
  /** Time for one attempt to connect, the greeting included. Default `'5s'`. */
  readonly connectTimeout?: Duration | undefined;
  /** Deadline of a command that has none of its own, in flight included. Default `'5s'`. */
  readonly commandTimeout?: Duration | undefined;
  readonly pool?: PoolOptions | undefined;
  /** How modules turn values into bytes, unless they have a codec of their own. */
  readonly codec?: CodecOptions | undefined;
}

/** One line of `RedisConfig.explain()`. */
export interface ConfigLine {
  readonly field: string;
  /** The value in force; secrets are shown as `***`. */
  readonly value: string;
  /** `default`, `options`, `url`, or the environment variable. */
  readonly source: string;
}

/**
 * A checked, immutable configuration. All problems are reported at once: `ConfigError.issues`.
 * Printing it, by `inspect`, `String` or JSON, never shows a secret.
 */
export class RedisConfig {
  readonly #draft: Draft;
  readonly #settings: Settings;

  private constructor(draft: Draft) {
    this.#draft = draft;
    this.#settings = checkSettings(draft);
  }

  /**
   * Reads `REDIS_URL`, or `REDIS_HOST REDIS_PORT REDIS_USERNAME REDIS_PASSWORD[_FILE] REDIS_DB REDIS_TLS
   * REDIS_TLS_CA[_FILE] REDIS_TLS_CERT[_FILE] REDIS_TLS_KEY[_FILE] REDIS_TLS_SERVERNAME`, and `REDIS_KEY_PREFIX
   * REDIS_CLIENT_NAME REDIS_CONNECT_TIMEOUT REDIS_COMMAND_TIMEOUT REDIS_POOL_MAX`.
   *
   * With no address set it throws, unless `NODE_ENV` is exactly `development` or `test`: then it is the embedded
   * engine, and says so with one process warning.
   *
   * @param options.env       what to read, default `process.env`
   * @param options.envPrefix what the names begin with, default `REDIS_`
   * @throws ConfigError `RU_CONFIG` with every problem found
   */
  static fromEnv(options?: EnvOptions): RedisConfig {
    return new RedisConfig(readEnv(options));
  }

  /** A configuration from a URL and further options. @throws ConfigError */
  static fromUrl(url: string | URL, options: RedisOptions = {}): RedisConfig {
    return RedisConfig.from({ ...options, url });
  }

  /** A configuration from options. @throws ConfigError */
  static from(options: RedisOptions): RedisConfig {
    const draft = new Draft();
    draft.addOptions(options);
    return new RedisConfig(draft);
  }

  /** A copy with some options replaced. A new `url` replaces the whole address. @throws ConfigError */
  with(patch: RedisOptions): RedisConfig {
    const draft = this.#draft.copy();
    draft.replace(patch);
    return new RedisConfig(draft);
  }

  /** What is in force and where each value came from; secrets are redacted. */
  explain(): ConfigLine[] {
    return this.#draft.explain(this.#settings);
  }

  /** Where it points to, without credentials. */
  get endpoint(): string {
    return this.#settings.endpoint;
  }

  get target(): Target {
    return this.#settings.target;
  }

  get prefix(): string {
    return this.#settings.prefix;
  }

  get codec(): CodecOptions | undefined {
    return this.#settings.codec;
  }

  get connectTimeoutMs(): number {
    return this.#settings.connectTimeoutMs;
  }

  get commandTimeoutMs(): number {
    return this.#settings.commandTimeoutMs;
  }

  /** Everything, secrets included: for drivers. A method of the prototype, so that no printing reaches it. */
  settings(): Settings {
    return this.#settings;
  }

  toString(): string {
    return this.endpoint;
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this.explain().map(({ field, value }) => [field, value]));
  }

  [inspect.custom](): string {
    return `RedisConfig ${inspect(this.toJSON())}`;
  }
}
