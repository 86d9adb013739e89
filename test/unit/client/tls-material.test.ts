import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TlsOptions as ServerOptions, type TLSSocket } from 'node:tls';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { RedisConfig, type TlsOptions } from '../../../src/client/index.js';
import { TlsError } from '../../../src/client/drivers/wire/tls-error.js';
import { loadTls, type TlsMaterial } from '../../../src/client/drivers/wire/tls-material.js';
import { type Certificate, certificates } from '../../support/tls.js';

const certs = certificates();
const folder = mkdtempSync(join(tmpdir(), 'ru-tls-material-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

function load(tls: TlsOptions, host = 'localhost', hostname?: string): Promise<TlsMaterial> {
  const settings = RedisConfig.from({ tls }).settings().tls;
  if (settings === undefined) throw new Error('expected TLS');
  return loadTls(settings, { host, hostname });
}

interface Listener {
  readonly port: number;
  /** What the server saw of the last connection that got through its handshake. */
  readonly seen: { servername?: string | false; client?: string };
}

async function listen(certificate: Certificate, options: ServerOptions = {}): Promise<Listener> {
  const server = createServer({ cert: certificate.cert, key: certificate.key, ...options });
  const seen: Listener['seen'] = {};
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    if (socket.servername !== undefined) seen.servername = socket.servername;
    const { subject } = socket.getPeerCertificate();
    if (subject !== undefined) seen.client = subject.CN;
    socket.on('error', () => {});
    // whoever reads this knows that the server has seen everything
    socket.end('ready');
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}

/** Connects as the socket code does: handshake, then `verify`, then the first bytes. */
async function handshake(material: TlsMaterial, port: number, overTcp = false): Promise<void> {
  const address = { host: '127.0.0.1', port };
  const socket = connect({ ...(overTcp ? { socket: connectPlain(address) } : address), ...material.options });
  cleanups.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  material.verify(socket);
  await once(socket, 'data');
}

/** As curl does it: the hash of the key that OpenSSL prints. */
function pinOf({ certFile }: Certificate): `sha256/${string}` {
  const pem = execFileSync('openssl', ['x509', '-in', certFile, '-noout', '-pubkey'], { encoding: 'utf8' });
  const der = Buffer.from(pem.replace(/-----[^-]*-----/g, ''), 'base64');
  return `sha256/${createHash('sha256').update(der).digest('base64')}`;
}

describe('certificates', () => {
  it('trusts the authority of the file, and after the file was replaced the new one', async () => {
    const { port } = await listen(certs.server);
    const caFile = join(folder, 'rotated.crt');
    copyFileSync(certs.strangerCa.certFile, caFile);
    await expect(handshake(await load({ caFile }), port)).rejects.toMatchObject({
      code: expect.stringMatching(/^UNABLE_TO_/),
    });
    copyFileSync(certs.ca.certFile, caFile);
    await handshake(await load({ caFile }), port);
  });

  it('presents the certificate of the files to a server that asks for one', async () => {
    const server = await listen(certs.server, { ca: certs.ca.cert, requestCert: true, rejectUnauthorized: true });
    const { certFile, keyFile } = certs.client;
    await handshake(await load({ ca: certs.ca.cert, certFile, keyFile }), server.port);
    expect(server.seen.client).toBe('client');
  });

  it('opens an encrypted key with its passphrase', async () => {
    const keyFile = join(folder, 'encrypted.key');
    const args = ['-in', certs.client.keyFile, '-out', keyFile, '-aes256', '-passout', 'pass:hunter2'];
    execFileSync('openssl', ['pkey', ...args], { stdio: 'ignore' });
    const server = await listen(certs.server, { ca: certs.ca.cert, requestCert: true, rejectUnauthorized: true });
    const tls = { ca: certs.ca.cert, certFile: certs.client.certFile, keyFile };
    await handshake(await load({ ...tls, passphrase: 'hunter2' }), server.port);
    const refused = load({ ...tls, passphrase: 'hunter3' });
    await expect(refused).rejects.toMatchObject({ option: 'tls.keyFile', reason: 'ERR_OSSL_BAD_DECRYPT' });
  });

  it.each(['caFile', 'certFile', 'keyFile'] as const)(
    'names %s and the reason when it cannot be read',
    async (name) => {
      const files = { caFile: certs.ca.certFile, certFile: certs.client.certFile, keyFile: certs.client.keyFile };
      const refused = load({ ...files, [name]: join(folder, 'missing') });
      await expect(refused).rejects.toThrow(TlsError);
      await expect(refused).rejects.toMatchObject({ code: 'RU_TLS', option: `tls.${name}`, reason: 'ENOENT' });
    },
  );

  it.each(['ca', 'cert', 'key'] as const)('names %s when it is no PEM, and shows nothing of it', async (name) => {
    const parts = { ca: certs.ca.cert, cert: certs.client.cert, key: certs.client.key };
    const error: unknown = await load({ ...parts, [name]: 'hunter2' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TlsError);
    expect(error).toMatchObject({ option: `tls.${name}`, reason: expect.stringMatching(/^ERR_OSSL/) });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('refuses an authority that is damaged, which the runtime would skip in silence', async () => {
    const caFile = join(folder, 'damaged.crt');
    writeFileSync(caFile, certs.ca.cert.replace(/\n[A-Za-z0-9+/]{8}/, '\n????????'));
    await expect(load({ caFile })).rejects.toMatchObject({ option: 'tls.caFile' });
  });

  it('refuses a key that belongs to another certificate', async () => {
    const refused = load({ cert: certs.client.cert, keyFile: certs.server.keyFile });
    await expect(refused).rejects.toMatchObject({ option: 'tls.keyFile', reason: expect.stringMatching(/MISMATCH/) });
  });
});

describe('the name of the server', () => {
  it.each([
    ['localhost', {}, 'localhost'],
    ['localhost.', {}, 'localhost'],
    ['127.0.0.1', {}, false],
    ['127.0.0.1', { servername: 'localhost' }, 'localhost'],
    ['elsewhere.test', { servername: '127.0.0.1' }, false],
  ])('is sent as SNI for a name only: %s with %j sends %s', async (host, options, sent) => {
    const server = await listen(certs.server);
    await handshake(await load({ ca: certs.ca.cert, ...options }, host), server.port);
    expect(server.seen.servername).toBe(sent);
  });

  it.each([true, false])('must be in the certificate (over a socket that is connected: %s)', async (overTcp) => {
    const { port } = await listen(certs.wrongName);
    for (const host of ['localhost', '127.0.0.1']) {
      const material = await load({ ca: certs.ca.cert }, host);
      await expect(handshake(material, port, overTcp)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    }
    const named = await load({ ca: certs.ca.cert, servername: 'elsewhere.test' }, '127.0.0.1');
    await handshake(named, port, overTcp);
  });

  it('may be a name that the server goes by beside its address, which is then what is sent', async () => {
    const ca = certs.ca.cert;
    const named = await listen(certs.wrongName);
    await handshake(await load({ ca }, '127.0.0.1', 'elsewhere.test'), named.port);
    expect(named.seen.servername).toBe('elsewhere.test');
    const addressed = await listen(certs.server);
    await handshake(await load({ ca }, '127.0.0.1', 'unknown.test'), addressed.port);
    const neither = await load({ ca }, '10.0.0.1', 'unknown.test');
    await expect(handshake(neither, addressed.port)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const other = await load({ ca, servername: 'localhost' }, '127.0.0.1', 'elsewhere.test');
    await expect(handshake(other, named.port)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('may be an address that the certificate carries, over a socket that is connected', async () => {
    const { port } = await listen(certs.server);
    await handshake(await load({ ca: certs.ca.cert }, '127.0.0.1'), port, true);
    await expect(handshake(await load({ ca: certs.ca.cert }, '10.0.0.1'), port, true)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});

describe('what is refused', () => {
  it('is a server of an older version than asked for', async () => {
    const { port } = await listen(certs.server, { maxVersion: 'TLSv1.2' });
    await handshake(await load({ ca: certs.ca.cert }), port);
    const strict = await load({ ca: certs.ca.cert, minVersion: 'TLSv1.3' });
    await expect(handshake(strict, port)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_SSL/) });
  });

  it('is an expired certificate, whatever the environment says about verification', async () => {
    const { port } = await listen(certs.expired);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const refused = handshake(await load({ ca: certs.ca.cert }), port);
      await expect(refused).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });

  it('is a socket whose certificate was not verified, when somebody has overridden the options', async () => {
    const { port } = await listen(certs.server);
    const material = await load({ ca: certs.strangerCa.cert });
    const tampered = { ...material, options: { ...material.options, rejectUnauthorized: false } };
    await expect(handshake(tampered, port)).rejects.toMatchObject({ code: 'RU_TLS', reason: 'unverified' });
  });
});

describe('pins', () => {
  it('accept the key that they name, in either notation, among others', async () => {
    const { port } = await listen(certs.server);
    const pin = pinOf(certs.server);
    await handshake(await load({ ca: certs.ca.cert, pin }), port);
    const curl = pin.replace('sha256/', 'sha256//');
    await handshake(await load({ ca: certs.ca.cert, pin: [pinOf(certs.client), curl] }), port);
  });

  it('refuse another key before anything is written, although its authority is trusted', async () => {
    const { port } = await listen(certs.server);
    for (const pin of [pinOf(certs.client), pinOf(certs.ca)]) {
      const { options } = await load({ ca: certs.ca.cert, pin });
      const socket = connect({ host: '127.0.0.1', port, ...options });
      // no handshake completes: it is the socket that fails, without `verify`
      const outcome = await Promise.race([once(socket, 'secureConnect'), once(socket, 'error')]).catch(
        (e: unknown) => e,
      );
      socket.destroy();
      expect(outcome).toMatchObject({ code: 'RU_TLS', option: 'tls.pin', reason: 'pin' });
    }
  });

  it('are enforced when verification is skipped: an unknown authority passes, another key does not', async () => {
    const { port } = await listen(certs.expired);
    const dangerouslySkipVerification = true;
    await handshake(await load({ dangerouslySkipVerification }), port);
    await handshake(await load({ dangerouslySkipVerification, pin: pinOf(certs.expired) }), port);
    const wrong = await load({ dangerouslySkipVerification, pin: pinOf(certs.server) });
    await expect(handshake(wrong, port)).rejects.toMatchObject({ code: 'RU_TLS', reason: 'pin' });
  });
});
