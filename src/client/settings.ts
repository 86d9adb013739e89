import type { CodecOptions } from '../codec/index.js';
import type { TlsOptions } from './redis-options.js';

/** What the driver connects to. */
export type Target =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'memory'; readonly name: string };

/** A configuration after all checks: one shape, one unit, defaults filled in. */
export interface Settings {
  readonly target: Target;
  readonly endpoint: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: TlsOptions | undefined;
  readonly prefix: string;
  readonly clientName: string | undefined;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly pool: { readonly max: number; readonly acquireTimeoutMs: number; readonly idleTimeoutMs: number };
  readonly codec: CodecOptions | undefined;
}
