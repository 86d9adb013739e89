import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';

import type { TlsSettings } from '../../config/settings.js';
import { TlsError } from './tls-error.js';

/** What a server is called, if not by a path. */
export interface NamedServer {
  readonly host: string;
  readonly hostname?: string | undefined;
}

/** What one connection needs to speak TLS. */
export interface TlsMaterial {
  /** For `tls.connect`, beside the address or the socket. None of them may be overridden. */
  readonly options: ConnectionOptions;
  /**
   * To be called once, at `secureConnect`, before anything is written. The runtime asks nobody about the certificate when
   * verification is skipped, so that this alone enforces the pins then.
   * @throws TlsError when the server is not to be trusted; the socket is to be destroyed
   */
  verify(socket: TLSSocket): void;
}

/**
 * Reads the files and makes what a socket needs. Call it for each new connection: that is what picks up certificates that
 * were rotated. Costs a few milliseconds, for the parsing of the certificates.
 *
 * @param server by what the certificate must call the server, unless `servername` names another: its host, or the name
 *   that it goes by beside it
 * @throws TlsError naming the option that cannot be used. While a certificate and its key are being replaced one may be
 *   read before and the other after; the next attempt reads both anew.
 */
export async function loadTls(tls: TlsSettings, server: NamedServer | undefined): Promise<TlsMaterial> {
  const secureContext = makeContext(tls, await readParts(tls));
  const identities = [tls.servername ?? server?.host, tls.servername ?? server?.hostname].filter(isText);
  // RFC 6066 allows only names; a final dot is not part of one
  const sni = identities.find((identity) => isIP(identity) === 0)?.replace(/\.$/, '');
  return {
    options: {
      secureContext,
      ...(sni === undefined ? {} : { servername: sni }),
      // said in both cases, because the environment could turn it off (NODE_TLS_REJECT_UNAUTHORIZED)
      rejectUnauthorized: !tls.dangerouslySkipVerification,
      // the runtime would check an address against "localhost" when it is handed a socket
      checkServerIdentity: (name, certificate) =>
        identityError(identities.length === 0 ? [name] : identities, certificate) ?? pinError(tls, certificate.raw),
    },
    verify: (socket) => {
      const problem = verificationError(tls, socket) ?? pinError(tls, socket.getPeerX509Certificate()?.raw);
      if (problem !== undefined) throw problem;
    },
  };
}

/** Undefined when the certificate carries one of the names, else what is wrong with the first. */
function identityError(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = names.map((name) => checkServerIdentity(name, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

function verificationError(tls: TlsSettings, socket: TLSSocket): TlsError | undefined {
  if (socket.authorized || tls.dangerouslySkipVerification) return undefined;
  const facts = { option: 'tls.ca', reason: 'unverified', cause: socket.authorizationError } as const;
  return new TlsError("The server's certificate was not verified", facts);
}

/** Pins are of the server's own key, not of an authority's, as in curl. */
function pinError({ pins }: TlsSettings, certificate: Buffer | undefined): TlsError | undefined {
  if (pins.length === 0) return undefined;
  if (certificate !== undefined && pins.includes(pinOf(certificate))) return undefined;
  return new TlsError("The server's public key is none of those in `tls.pin`", { option: 'tls.pin', reason: 'pin' });
}

function pinOf(certificate: Buffer): string {
  const publicKey = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(publicKey).digest('base64');
}

type Part = 'ca' | 'cert' | 'key';
type Parts = Readonly<Record<Part, string | Uint8Array | undefined>>;

async function readParts(tls: TlsSettings): Promise<Parts> {
  const [ca, cert, key] = await Promise.all((['ca', 'cert', 'key'] as const).map((part) => readPart(tls, part)));
  return { ca, cert, key };
}

async function readPart(tls: TlsSettings, part: Part): Promise<string | Uint8Array | undefined> {
  const file = tls[`${part}File`];
  if (file === undefined) return tls[part];
  try {
    return await readFile(file);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    const option = `tls.${part}File` as const;
    throw new TlsError(`The file of \`${option}\` cannot be read (${code})`, { option, reason: code, cause });
  }
}

function makeContext(tls: TlsSettings, { ca, cert, key }: Parts): SecureContext {
  const options = { ca, cert, key, passphrase: tls.passphrase, minVersion: tls.minVersion };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  let part: Part = 'ca';
  try {
    if (ca !== undefined) checkAuthorities(ca);
    part = 'key';
    return createSecureContext(Object.fromEntries(given) as SecureContextOptions);
  } catch (cause) {
    if (part === 'key' && cert !== undefined && !isUsable(cert)) part = 'cert';
    const option = tls[`${part}File`] === undefined ? (`tls.${part}` as const) : (`tls.${part}File` as const);
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new TlsError(`\`${option}\` cannot be used (${code})`, { option, reason: code, cause });
  }
}

/** Whether it is the certificate that OpenSSL complains about, which does not say so itself. */
function isUsable(cert: string | Uint8Array): boolean {
  try {
    createSecureContext({ cert: cert as string | Buffer });
    return true;
  } catch {
    return false;
  }
}

/** The runtime skips in silence what is no certificate, and would then say that the server's is not trusted. */
function checkAuthorities(ca: string | Uint8Array): void {
  const text = typeof ca === 'string' ? ca : Buffer.from(ca).toString('latin1');
  const found = text.match(/-----BEGIN (?:X509 )?CERTIFICATE-----.*?-----END (?:X509 )?CERTIFICATE-----/gs);
  if (found === null) throw Object.assign(new Error('no certificate in PEM'), { code: 'ERR_OSSL_PEM_NO_START_LINE' });
  for (const one of found) void new X509Certificate(one);
}
