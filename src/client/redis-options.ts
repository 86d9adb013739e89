import type { CodecOptions } from '../codec/index.js';
import type { Duration } from '../core/duration.js';

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
