import { randomBytes } from 'node:crypto';
import { checkBoolean, checkKnown, checkText, wrong } from '../core/check.js';
import { type Certificates, certificates } from './certificates.js';
import { findServer, type ServerBinary } from './server-binary.js';

export interface TlsOptions {
  /** What the server and its clients show each other. Default: `certificates()`. */
  readonly certificates?: Certificates | undefined;
  /** Refuses clients that show no certificate of the authority. Default: false. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** What a single server, and each server of a cluster or behind sentinels, can be given. */
export interface NodeOptions {
  /**
   * Which server: an id of those there are, or a beginning such as `valkey`, `redis-7` or `redis-7.0.15`, of which the
   * newest counts. Default: the newest there is. See `findServers`.
   */
  readonly version?: string | undefined;
  /** Further arguments for the server, such as `['--maxmemory', '10mb']`. They come last, so they win. */
  readonly args?: readonly string[] | undefined;
  /** TLS on the port, with throw-away certificates (`true`) or with your own. Default: false. */
  readonly tls?: boolean | TlsOptions | undefined;
  /**
   * Lines of an ACL file, such as `user app on >secret ~* &* +@all`. The kit adds a user of its own with all rights,
   * so that `command`, replication and failover work whatever these lines forbid. Default: none, everybody may do all.
   */
  readonly acl?: readonly string[] | undefined;
  /** Further environment for the server's process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface RedisServerOptions extends NodeOptions {
  /** Also listen on a port of 127.0.0.1, found free, which stays the same across restarts. Default: only with `tls`, `cluster` or `sentinel`. */
  readonly port?: boolean | undefined;
  /** Cluster mode: a node that knows no other and serves no slot. `startCluster` makes whole clusters. Default: false. */
  readonly cluster?: boolean | undefined;
  /** A sentinel that watches nothing. `startSentinel` makes whole groups. Default: false. */
  readonly sentinel?: boolean | undefined;
}

export interface ServerSettings {
  readonly binary: ServerBinary;
  readonly mode: 'standalone' | 'cluster' | 'sentinel';
  readonly hasPort: boolean;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly tls: { readonly certificates: Certificates; readonly requireClientCertificate: boolean } | undefined;
  /** Lines of the ACL file, the kit's own user included. */
  readonly acl: readonly string[] | undefined;
  /** The user with all rights that the kit is, where there is an ACL. */
  readonly ownUser: { readonly username: string; readonly password: string } | undefined;
}

export const NODE_OPTIONS = ['version', 'args', 'tls', 'acl', 'env'] as const;
const SERVER_OPTIONS = [...NODE_OPTIONS, 'port', 'cluster', 'sentinel'];

/** @throws ConfigError @throws MissingProgramError when no such server, or no `openssl`, is there */
export function serverSettings(path: string, options: RedisServerOptions): ServerSettings {
  checkKnown(path, options, SERVER_OPTIONS);
  const { version, args = [], env = {} } = options;
  if (version !== undefined) checkText(`${path}.version`, version);
  checkTexts(`${path}.args`, args);
  const tls = tlsSettings(`${path}.tls`, options.tls ?? false);
  const mode = modeOf(path, options);
  const port = checkBoolean(`${path}.port`, options.port ?? false);
  const hasPort = port || tls !== undefined || mode !== 'standalone';
  return { binary: findServer(version), mode, hasPort, args, env, tls, ...aclSettings(`${path}.acl`, options.acl) };
}

function modeOf(path: string, options: RedisServerOptions): ServerSettings['mode'] {
  const isCluster = checkBoolean(`${path}.cluster`, options.cluster ?? false);
  const isSentinel = checkBoolean(`${path}.sentinel`, options.sentinel ?? false);
  if (isCluster && isSentinel) throw wrong(`${path}.sentinel`, 'absent beside `cluster`', true);
  if (isCluster) return 'cluster';
  return isSentinel ? 'sentinel' : 'standalone';
}

function tlsSettings(path: string, options: boolean | TlsOptions): ServerSettings['tls'] {
  if (options === false) return undefined;
  if (options === true) return { certificates: certificates(), requireClientCertificate: false };
  checkKnown(path, options, ['certificates', 'requireClientCertificate']);
  const { requireClientCertificate = false } = options;
  checkBoolean(`${path}.requireClientCertificate`, requireClientCertificate);
  return { certificates: options.certificates ?? certificates(), requireClientCertificate };
}

function aclSettings(path: string, lines: readonly string[] | undefined): Pick<ServerSettings, 'acl' | 'ownUser'> {
  if (lines === undefined) return { acl: undefined, ownUser: undefined };
  checkTexts(path, lines);
  const ownUser = { username: 'redis-utils-testing', password: randomBytes(16).toString('hex') };
  return { acl: [...lines, `user ${ownUser.username} on >${ownUser.password} ~* &* +@all`], ownUser };
}

function checkTexts(path: string, texts: unknown): void {
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string')) throw wrong(path, 'strings', texts);
}
