import { identify, RedisUtilsError } from '../../../core/errors.js';

/** An option of `tls` that an error is about. */
export type TlsOption = `tls.${'ca' | 'cert' | 'key' | 'caFile' | 'certFile' | 'keyFile' | 'pin' | 'servername'}`;

/**
 * TLS could not be done as configured: a file that cannot be read, a certificate or key that is none, or a server whose
 * key is not among the pins. It is the `cause` of a `ConnectionError` with reason `tls`. Files are read anew for the next
 * connection, which may therefore succeed. No content of a file is ever in it.
 */
export class TlsError extends RedisUtilsError {
  declare readonly code: 'RU_TLS';
  readonly option: TlsOption;
  /** The code of the operating system (`ENOENT`) or of OpenSSL (`ERR_OSSL_…`), or `pin` or `unverified`. */
  readonly reason: string;

  static {
    identify(this, 'TlsError', 'RU_TLS');
  }

  constructor(message: string, facts: { option: TlsOption; reason: string; cause?: unknown }) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.option = facts.option;
    this.reason = facts.reason;
  }
}
