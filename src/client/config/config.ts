import { inspect } from 'node:util';

import type { CodecOptions } from '../../codec/index.js';
import { checkSettings } from './check.js';
import { Draft } from './draft.js';
import { type EnvOptions, readEnv } from './env.js';
import { type ConfigLine, explainSettings } from './explain.js';
import type { RedisOptions } from './redis-options.js';
import type { Settings, Target } from './settings.js';

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
   * Reads `REDIS_URL`, or a place (`REDIS_HOST REDIS_PORT`, or `REDIS_CLUSTER_NODES`, or `REDIS_SENTINELS
   * REDIS_SENTINEL_MASTER REDIS_SENTINEL_USERNAME REDIS_SENTINEL_PASSWORD[_FILE]`) with `REDIS_USERNAME
   * REDIS_PASSWORD[_FILE] REDIS_DB REDIS_TLS REDIS_TLS_CA[_FILE] REDIS_TLS_CERT[_FILE] REDIS_TLS_KEY[_FILE]
   * REDIS_TLS_SERVERNAME`, and `REDIS_KEY_PREFIX REDIS_CLIENT_NAME REDIS_CONNECT_TIMEOUT REDIS_COMMAND_TIMEOUT
   * REDIS_POOL_MAX`. Lists are separated by commas. A password's file is read once, here; the files of TLS are read for
   * each new connection.
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
    return explainSettings(this.#settings, this.#draft);
  }

  /** Where it points to, without credentials. */
  get endpoint(): string {
    return this.#settings.endpoint;
  }

  /** What it points to, without the sentinels' credentials. */
  get target(): Target {
    const { target } = this.#settings;
    if (target.kind !== 'sentinel') return target;
    return { kind: 'sentinel', sentinels: target.sentinels, master: target.master };
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
