import { ConnectionError, type ConnectionReason, ServerError } from '../../../core/errors.js';
import type { Settings } from '../../config/settings.js';
import { TlsError } from './tls-error.js';
import { ProviderError } from './greeting.js';

interface Diagnosis {
  readonly reason: ConnectionReason;
  readonly hint: string;
}

const NETWORK: Readonly<Record<string, Diagnosis>> = {
  ECONNREFUSED: { reason: 'refused', hint: 'nothing listens there – is the server running, is the port right?' },
  ENOENT: { reason: 'refused', hint: 'there is no such unix socket – is the server running, is the path right?' },
  EACCES: { reason: 'permission', hint: 'this process may not open that socket' },
  ENOTFOUND: { reason: 'unreachable', hint: 'the host name has no address' },
  EAI_AGAIN: { reason: 'unreachable', hint: 'the host name could not be looked up just now' },
  EHOSTUNREACH: { reason: 'unreachable', hint: 'there is no route to the host' },
  ENETUNREACH: { reason: 'unreachable', hint: 'there is no route to the network' },
  ETIMEDOUT: { reason: 'timeout', hint: 'nobody answered – a firewall may drop the packets' },
};

const TLS: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN:
    "the server's certificate comes from an authority that is not trusted – pass it as `tls.ca`",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed – pass it as `tls.ca`",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate cannot be verified – pass its authority as `tls.ca`",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the authority of the server's certificate is unknown – pass it as `tls.ca`",
  CERT_HAS_EXPIRED: "the server's certificate has expired",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet – check both clocks",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name – connect by that name or set `tls.servername`",
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS on this port – use redis:// or its TLS port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS on this port – use redis:// or its TLS port',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server asks for a client certificate – pass `tls.cert` and `tls.key`',
};

const REPLIES: Readonly<Record<string, Diagnosis>> = {
  WRONGPASS: { reason: 'auth', hint: 'user name or password is wrong, or the user is disabled' },
  NOAUTH: { reason: 'auth', hint: 'the server asks for a password – set `password`' },
  NOPERM: {
    reason: 'permission',
    hint: 'the ACL user lacks a permission that every connection needs: +ping, and +select for a database other than 0',
  },
  LOADING: { reason: 'unreachable', hint: 'the server is still loading its data' },
  MASTERDOWN: { reason: 'unreachable', hint: 'this is a replica that has lost its primary' },
  DENIED: {
    reason: 'permission',
    hint: 'the server runs in protected mode – set a password or let it bind to an address',
  },
  NOPROTO: { reason: 'protocol', hint: 'the server does not speak RESP3 – Redis 6 or newer is needed' },
};

/** What one failed attempt to connect means, in words that say what to do. */
export function connectError(cause: unknown, settings: Settings): ConnectionError {
  const { reason, hint } = diagnose(cause, settings);
  return new ConnectionError(`Cannot connect to ${settings.endpoint}: ${hint}`, {
    endpoint: settings.endpoint,
    reason,
    outcome: 'not-sent',
    cause,
  });
}

function diagnose(failure: unknown, settings: Settings): Diagnosis {
  if (failure instanceof ServerError) return diagnoseReply(failure);
  // lost during the greeting: what ended it says more
  const cause = failure instanceof ConnectionError ? failure.cause : failure;
  if (cause instanceof TlsError) return { reason: 'tls', hint: cause.message };
  if (cause instanceof ProviderError) return { reason: 'auth', hint: cause.message };
  const { code = '', message } = cause as NodeJS.ErrnoException;
  if (/timeout/i.test(message)) {
    return {
      reason: 'timeout',
      hint: `no answer within ${settings.connectTimeoutMs} ms – is this the right host and port?`,
    };
  }
  const tls = TLS[code];
  if (tls !== undefined) return { reason: 'tls', hint: tls };
  if (/^ERR_(SSL|TLS)/.test(code) || code === 'EPROTO')
    return { reason: 'tls', hint: `the TLS handshake failed (${code})` };
  const network = NETWORK[code];
  if (network !== undefined) return network;
  if (/^(ECONNRESET|EPIPE)$/.test(code) || /closed/i.test(message)) return diagnoseHangUp(settings);
  return {
    reason: 'protocol',
    hint: `the answer was not Redis's (${message || 'unknown error'}) – is this the right port?`,
  };
}

function diagnoseReply({ message, replyCode }: ServerError): Diagnosis {
  const known = REPLIES[replyCode];
  if (known !== undefined) return known;
  if (/password/i.test(message)) return { reason: 'auth', hint: 'the server has no password set, but one was given' };
  if (/clients/i.test(message))
    return { reason: 'refused', hint: 'the server has reached its maximum number of clients' };
  if (/DB index/i.test(message)) return { reason: 'protocol', hint: 'the server has no such database – check `db`' };
  return { reason: 'protocol', hint: `the server refused the greeting – ${message}` };
}

/** A server that hangs up during the greeting most often waits for TLS, or for a client certificate. */
function diagnoseHangUp({ tls }: Settings): Diagnosis {
  if (tls === undefined) {
    return { reason: 'protocol', hint: 'the server hung up at the greeting – does this port expect TLS (rediss://)?' };
  }
  return { reason: 'tls', hint: 'the server hung up during the TLS handshake – does it ask for a client certificate?' };
}
