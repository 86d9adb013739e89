import type { CodecOptions } from '../../codec/index.js';
import type { CredentialsProvider } from './redis-options.js';

/** A host and port. The host is a name or an IP address, without brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the driver connects to. */
export type Target =
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** A name that the server goes by beside its host: its certificate may be for either. */
      readonly hostname?: string | undefined;
    }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'memory'; readonly name: string }
  | { readonly kind: 'cluster'; readonly seeds: readonly Address[] }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly Address[];
      readonly master: string;
      /** For the sentinels themselves. */
      readonly username?: string | undefined;
      readonly password?: string | undefined;
    };

/** TLS after all checks. `drivers/wire/tls-material.ts` turns it into what a socket needs. */
export interface TlsSettings {
  readonly ca: string | Uint8Array | undefined;
  readonly caFile: string | undefined;
  readonly cert: string | Uint8Array | undefined;
  readonly certFile: string | undefined;
  readonly key: string | Uint8Array | undefined;
  readonly keyFile: string | undefined;
  readonly passphrase: string | undefined;
  readonly servername: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** SHA-256 of each SubjectPublicKeyInfo that is accepted, in base64; empty for any. */
  readonly pins: readonly string[];
  readonly dangerouslySkipVerification: boolean;
}

/** A configuration after all checks: one shape, one unit, defaults filled in. */
export interface Settings {
  readonly target: Target;
  readonly endpoint: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Instead of `username` and `password`, never beside them. */
  readonly credentials: CredentialsProvider | undefined;
  readonly db: number;
  readonly tls: TlsSettings | undefined;
  readonly prefix: string;
  readonly clientName: string | undefined;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly unresponsiveAfterMs: number;
  readonly heartbeatMs: number;
  readonly maxInFlight: number;
  readonly offlineQueue:
    | { readonly maxCommands: number; readonly maxBytes: number; readonly maxWaitMs: number }
    | undefined;
  readonly reconnect: { readonly minDelayMs: number; readonly maxDelayMs: number };
  readonly retry: { readonly budget: number; readonly minDelayMs: number; readonly maxDelayMs: number } | undefined;
  readonly breaker: { readonly failures: number } | undefined;
  readonly pool: {
    readonly max: number;
    readonly acquireTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly maxAgeMs: number;
    readonly leakAfterMs: number | undefined;
  };
  readonly codec: CodecOptions | undefined;
}
