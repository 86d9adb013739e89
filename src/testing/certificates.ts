import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MissingProgramError } from './errors.js';
import { newFolder } from './workspace.js';

/** A certificate with its key, as PEM text and as files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A small certificate authority to throw away, and what it has signed. */
export interface Certificates {
  readonly ca: Certificate;
  /** For `localhost` and `127.0.0.1`. */
  readonly server: Certificate;
  readonly client: Certificate;
  /** For `localhost`, no longer valid. */
  readonly expired: Certificate;
  /** For `localhost`, not for its address. */
  readonly nameOnly: Certificate;
  /** For `elsewhere.test`. */
  readonly wrongName: Certificate;
  /** An authority that has signed none of these. */
  readonly strangerCa: Certificate;
}

let made: Certificates | undefined;

/**
 * Certificates for tests, valid for two days, elliptic curve keys. Made by the `openssl` command at the first call and
 * the same from then on; their files go with the process.
 * @throws MissingProgramError without `openssl` on the PATH
 */
export function certificates(): Certificates {
  made ??= makeCertificates();
  return made;
}

function makeCertificates(): Certificates {
  const folder = newFolder('tls');
  const ca = selfSigned(folder, 'ca');
  const local = 'DNS:localhost,IP:127.0.0.1';
  return {
    ca,
    server: signed({ folder, ca, name: 'server', subject: local }),
    client: signed({ folder, ca, name: 'client', subject: 'DNS:client.test' }),
    expired: signed({ folder, ca, name: 'expired', subject: local, days: -1 }),
    nameOnly: signed({ folder, ca, name: 'name-only', subject: 'DNS:localhost' }),
    wrongName: signed({ folder, ca, name: 'wrong-name', subject: 'DNS:elsewhere.test' }),
    strangerCa: selfSigned(folder, 'stranger-ca'),
  };
}

function selfSigned(folder: string, name: string): Certificate {
  const files = filesOf(folder, name);
  makeKey(files.keyFile);
  openssl([
    'req',
    '-x509',
    '-new',
    '-key',
    files.keyFile,
    '-out',
    files.certFile,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
  ]);
  return read(files);
}

interface Request {
  readonly folder: string;
  readonly ca: Certificate;
  readonly name: string;
  /** The subject's alternative names in the notation of openssl. */
  readonly subject: string;
  readonly days?: number;
}

function signed({ folder, ca, name, subject, days = 2 }: Request): Certificate {
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(extensions, `subjectAltName=${subject}\n`);
  makeKey(files.keyFile);
  openssl(['req', '-new', '-key', files.keyFile, '-out', request, '-subj', `/CN=${name}`]);
  const authority = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-CAcreateserial'];
  const output = ['-out', files.certFile, '-days', String(days), '-extfile', extensions];
  openssl(['x509', '-req', '-in', request, ...authority, ...output]);
  return read(files);
}

function makeKey(file: string): void {
  openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file]);
}

function openssl(args: readonly string[]): void {
  try {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MissingProgramError('openssl', 'it makes the certificates: install it, or pass certificates of your own');
  }
}

function filesOf(folder: string, name: string): { certFile: string; keyFile: string } {
  return { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}

function read(files: { certFile: string; keyFile: string }): Certificate {
  return { ...files, cert: readFileSync(files.certFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') };
}
