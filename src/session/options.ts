import type { KeyObject } from 'node:crypto';

import type { RedisManager } from '../client/manager.js';
import { toKeyObject } from '../codec/encryption-key.js';
import type { CodecOptions, KeyInput } from '../codec/index.js';
import { checkKnown, checkText, wrong } from '../core/check.js';
import { toMs, type Duration } from '../core/duration.js';
import { toLifetime, type Lifetime, type SessionTtl } from './lifetime.js';

/**
 * What a `SessionManager` needs from the cache manager it is given: its connection, and how it writes values. Sessions
 * share nothing else with a cache: not its keys, its near cache, its `clear()` or its `onError`.
 */
export interface SessionHost {
  readonly manager: RedisManager;
  readonly codecOptions?: CodecOptions | undefined;
  readonly prefix?: string | undefined;
}

export interface SessionOptions<_T extends object = Record<string, unknown>> {
  /** How long a session lives when `createSession` does not say. Default `{ idle: '30m' }`. */
  readonly ttl?: SessionTtl | undefined;
  /** The deadline, from creation, that nothing moves, where `createSession` gives none. Default `'30d'`. */
  readonly absolute?: Duration | undefined;
  /** What keys begin with: `<prefix>:session:{…}`. Default: the host's. */
  readonly prefix?: string | undefined;
  /**
   * How session data is written. Default: serializer and encryption of the host, without compression, because the
   * length of a compressed secret tells about the secret.
   */
  readonly codec?: CodecOptions | undefined;
  /**
   * A secret of 32 bytes that keys the hashes of ids and user ids in Redis. Without it a session id is still not
   * recoverable from Redis, but whoever reads Redis can test whether a user they know has sessions. Changing it ends
   * all sessions.
   */
  readonly pepper?: KeyInput | undefined;
}

/** Options, checked and completed. */
export interface SessionSettings {
  readonly manager: RedisManager;
  readonly prefix: string | undefined;
  readonly codec: CodecOptions;
  readonly pepper: KeyObject | undefined;
  readonly absoluteMs: number;
  readonly defaultLifetime: Lifetime;
}

const DEFAULT_TTL: SessionTtl = { idle: '30m' };
const DEFAULT_ABSOLUTE: Duration = '30d';

export function toSettings(host: SessionHost | RedisManager, options: SessionOptions): SessionSettings {
  checkKnown('session', options, ['ttl', 'absolute', 'prefix', 'codec', 'pepper']);
  const { manager, codecOptions, prefix: hostPrefix } = toHost(host);
  const absoluteMs = toMs(options.absolute ?? DEFAULT_ABSOLUTE, 'session.absolute');
  return {
    manager,
    prefix: options.prefix === undefined ? hostPrefix : checkText('session.prefix', options.prefix),
    codec: options.codec ?? inherited(codecOptions ?? manager.config.codec),
    pepper: options.pepper === undefined ? undefined : toKeyObject('session.pepper', options.pepper),
    absoluteMs,
    defaultLifetime: toLifetime(options.ttl ?? DEFAULT_TTL, absoluteMs, 'session.ttl'),
  };
}

function toHost(host: SessionHost | RedisManager): SessionHost {
  if (typeof host === 'object' && host !== null) {
    if ('manager' in host) return host;
    if (typeof host.keySpace === 'function') return { manager: host };
  }
  throw wrong('session host', 'a CacheManager or RedisManager', host);
}

/** What of another module's way of writing values holds for sessions too. */
function inherited(codec: CodecOptions | undefined): CodecOptions {
  return {
    serializer: codec?.serializer,
    encryption: codec?.encryption,
    allowPlaintext: codec?.allowPlaintext,
    compression: false,
  };
}
