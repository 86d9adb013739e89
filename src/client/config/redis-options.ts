import type { CodecOptions } from '../../codec/index.js';
import type { Duration } from '../../core/duration.js';

/**
 * TLS of every connection, of each node of a cluster and of the sentinels too. Certificates and keys are PEM.
 * A `…File` is a path that is read anew for each new connection, so that a rotated certificate needs no restart.
 */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the runtime's own. One of `ca` and `caFile`. */
  readonly ca?: string | Uint8Array | undefined;
  readonly caFile?: string | undefined;
  /** The client's certificate and key, for servers that ask for one (mutual TLS). Both or neither. */
  readonly cert?: string | Uint8Array | undefined;
  readonly certFile?: string | undefined;
  readonly key?: string | Uint8Array | undefined;
  readonly keyFile?: string | undefined;
  /** What the client's key is encrypted with. */
  readonly passphrase?: string | undefined;
  /** The name that the server's certificate must carry, sent as SNI. Default: the host (SNI only for a name), or in a cluster the name that a node goes by. */
  readonly servername?: string | undefined;
  /** The oldest version of TLS to speak. Default `'TLSv1.2'`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /**
   * The public keys that the server may have: `sha256/` and the base64 of the SHA-256 of its SubjectPublicKeyInfo
   * (curl's `sha256//…` is the same). A server with another key is refused, whoever signed its certificate. Give two, the
   * present one and the next, or no key can ever be changed.
   */
  readonly pin?: string | readonly string[] | undefined;
  /**
   * Accepts a certificate of any authority, for any name, at any date: whoever can reach the wire can read and change
   * everything, unless a `pin` is given as well, which is enforced all the same (and then stands for the authority).
   * Default false.
   */
  readonly dangerouslySkipVerification?: boolean | undefined;
}

/**
 * Dedicated connections, lent by `lease()` and `transaction()`. One that was idle for more than 3 seconds is asked for
 * an answer before it is lent, and replaced when it does not give one within a second.
 */
export interface PoolOptions {
  /** Most connections at a time; in a cluster, to each node. 1 to 10,000, default 10. */
  readonly max?: number | undefined;
  /** How long `lease()` waits for one, making it included. Default `'5s'`. */
  readonly acquireTimeout?: Duration | undefined;
  /** A connection that nobody used for this long is closed. Default `'1m'`. */
  readonly idleTimeout?: Duration | undefined;
  /**
   * A connection that is this old is not lent again; each retires at 90 to 100 % of it, so that they do not go together.
   * Default `'1h'`.
   */
  readonly maxAge?: Duration | undefined;
  /** A lease that is out for longer is reported by the event `leak`; it stays valid. `false`: none is. Default `'1m'`. */
  readonly leakAfter?: Duration | false | undefined;
}

/**
 * Sentinels, and the name under which they watch the primary. Other sentinels are learnt from them.
 *
 * Addresses of servers and sentinels are used as they are reported. Where those cannot be reached from here (NAT,
 * containers), let them announce others: `replica-announce-ip`, `sentinel announce-ip`. With TLS a certificate must carry
 * the reported address, unless `tls.servername` names another. `db` and `clientName` are not for the sentinels.
 */
export interface SentinelOptions {
  /** At least one `host` or `host:port`; IPv6 as `[::1]:26379`. Default port 26379. */
  readonly nodes: readonly string[];
  readonly master: string;
  /** Credentials for the sentinels themselves; those of the servers are `username` and `password`. Default: none. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * Commands that wait while there is no connection. When a bound is reached the next one fails at once, `not-sent`. While
 * there is one that does not keep up, as many may wait as here or as `maxInFlight` says, within the same bytes.
 */
export interface OfflineQueueOptions {
  /** 1 to 1,000,000, default 10,000. */
  readonly maxCommands?: number | undefined;
  /** Bytes of all arguments. 1 to 1 GiB, default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** How long a command waits before it fails; never beyond its own deadline. Default `'1s'`. */
  readonly maxWait?: Duration | undefined;
}

/** Pauses between attempts to connect: they double from `minDelay` to `maxDelay`, each with full jitter. */
export interface ReconnectOptions {
  /** Default `'50ms'`. At most `maxDelay`. */
  readonly minDelay?: Duration | undefined;
  /** Default `'2s'`. */
  readonly maxDelay?: Duration | undefined;
}

/** Repeats of commands that are safe to repeat: those that only read, and those declared idempotent. */
export interface RetryOptions {
  /** Most repeats as a share of the commands sent, so that an ailing server gets no storm. 0 to 1, default 0.1. */
  readonly budget?: number | undefined;
  /** Pauses between repeats, which grow as those of `reconnect` do. Default `'10ms'`. At most `maxDelay`. */
  readonly minDelay?: Duration | undefined;
  /** Default `'500ms'`. */
  readonly maxDelay?: Duration | undefined;
}

/**
 * Fails commands to a node at once, instead of letting them wait, while the node keeps failing. The attempts to connect,
 * which go on with the pauses of `reconnect`, are what tries it again: one that is greeted and answered closes it.
 */
export interface BreakerOptions {
  /** Failed attempts to connect, and connections that fell silent, in a row. 1 to 10,000, default 5. */
  readonly failures?: number | undefined;
}

/** A user name and a password or token. */
export interface Credentials {
  /** ACL user. Without it the password is that of the user `default`. */
  readonly username?: string | undefined;
  readonly password: string;
  /** When they end, in milliseconds since the epoch: new ones are asked for before, and used in place. */
  readonly expiresAt?: number | undefined;
}

/** Why credentials are asked for. */
export interface CredentialsContext {
  /** The node that they are for, without credentials. */
  readonly endpoint: string;
  /** For a new connection, because those in use are about to end, or because the server refused the last ones. */
  readonly reason: 'connect' | 'refresh' | 'rejected';
}

/** Gives the credentials of a connection, for tokens that are short-lived. What it returns is never printed. */
export type CredentialsProvider = (context: CredentialsContext) => Credentials | Promise<Credentials>;

/**
 * Where Redis is and how to talk to it. There is one address: a host and port, a socket, a cluster or sentinels. A part
 * that `url` also names must agree with it.
 */
export interface RedisOptions {
  /**
   * `redis[s]://[user[:password]@]host[:port][/db]`, `redis+unix:///path?db=N`,
   * `redis[s]-cluster://[user:password@]host:port,host:port`,
   * `redis[s]-sentinel://[user:password@]host:port,host:port/db?master=NAME[&sentinelUsername=…&sentinelPassword=…]`
   * or `memory://name`, with `valkey[s]` for `redis[s]` as you like. Credentials are percent-encoded.
   *
   * Or a connection string of Azure and StackExchange.Redis, `host:6380,password=…,ssl=True`: several hosts are the
   * seeds of a cluster, or sentinels when it names a `serviceName`. What only concerns .NET is ignored.
   */
  readonly url?: string | URL | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 6379. */
  readonly port?: number | undefined;
  /** A unix socket instead of host and port. */
  readonly socketPath?: string | undefined;
  /** Nodes of a cluster to learn the others from: `host` or `host:port`; IPv6 as `[::1]:6379`. Default port 6379. */
  readonly cluster?: readonly string[] | undefined;
  /** Sentinels to ask for the primary. */
  readonly sentinel?: SentinelOptions | undefined;
  /** ACL user. Without it the password is that of the user `default`. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Instead of `username` and `password`: asked for each connection, and again before they expire. */
  readonly credentials?: CredentialsProvider | undefined;
  /** Logical database, default 0. A cluster has no other. */
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
  /** A connection is replaced when commands wait on it and not a byte has come for this long. Default `'5s'`. */
  readonly unresponsiveAfter?: Duration | undefined;
  /** A connection that was idle for this long is asked for a sign of life. Default `'10s'`. */
  readonly heartbeat?: Duration | undefined;
  /** Most commands sent and not yet answered, per connection. 1 to 1,000,000, default 65,536. */
  readonly maxInFlight?: number | undefined;
  /** `false`: commands fail at once while there is no connection. */
  readonly offlineQueue?: false | OfflineQueueOptions | undefined;
  readonly reconnect?: ReconnectOptions | undefined;
  /** `false`: nothing is ever sent twice. */
  readonly retry?: false | RetryOptions | undefined;
  readonly breaker?: false | BreakerOptions | undefined;
  readonly pool?: PoolOptions | undefined;
  /** How modules turn values into bytes, unless they have a codec of their own. */
  readonly codec?: CodecOptions | undefined;
}
