import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';

import { type ConnectionError, RedisManager, type RedisOptions } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { noLeaks } from '../support/no-leaks.js';
import { freePort, RedisServer } from '../support/redis-server.js';
import { certificates } from '../support/tls.js';

noLeaks();
const SECRET = 'hunter2-secret';

/** How one attempt to connect fails: with which reason and hint, and within which time. */
async function failure(options: RedisOptions): Promise<ConnectionError & { tookMs: number }> {
  const startMs = performance.now();
  try {
    const manager = await RedisManager.connect(options);
    await manager.close();
  } catch (error) {
    return Object.assign(error as ConnectionError, { tookMs: performance.now() - startMs });
  }
  throw new Error('it connected');
}

async function listen(onConnection: Parameters<typeof createServer>[1]): Promise<number> {
  const server: Server = createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterThisTest(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as { port: number }).port;
}

describe('connect says at once, with a hint, why it cannot', () => {
  it('nothing listens there', async () => {
    const error = await failure({ host: '127.0.0.1', port: await freePort() });
    expect(error).toMatchObject({ code: 'RU_CONNECTION', reason: 'refused', outcome: 'not-sent' });
    expect(error.message).toMatch(/nothing listens there/);
  });

  it('there is no such socket', async () => {
    expect(await failure({ socketPath: '/nonexistent/redis.sock' })).toMatchObject({ reason: 'refused' });
  });

  it('the host name has no address', async () => {
    expect(await failure({ host: 'nonexistent.invalid' })).toMatchObject({ reason: 'unreachable' });
  });

  it('the password is wrong, and no error shows it', async () => {
    const server = await RedisServer.start({ port: true, acl: ['user default off', 'user app on >right ~* &* +@all'] });
    const error = await failure({ url: `redis://app:${SECRET}@127.0.0.1:${server.port}` });
    expect(error).toMatchObject({ reason: 'auth' });
    expect(JSON.stringify(error) + String(error.stack)).not.toContain(SECRET);
    expect(error.tookMs).toBeLessThan(2_000);
  });

  it('the server asks for a password', async () => {
    const server = await RedisServer.start({ port: true, args: ['--requirepass', 'right'] });
    const error = await failure({ port: server.port });
    expect(error).toMatchObject({ reason: 'auth' });
    expect(error.message).toMatch(/asks for a password/);
  });

  it('the user lacks the permission that every connection needs', async () => {
    const server = await RedisServer.start({
      port: true,
      acl: ['user default on nopass ~* &* +@all', 'user app on >right ~* -@all'],
    });
    const error = await failure({ url: `redis://app:right@127.0.0.1:${server.port}` });
    expect(error).toMatchObject({ reason: 'permission' });
    expect(error.message).toMatch(/\+ping/);
  });

  it('the database does not exist', async () => {
    const server = await RedisServer.start({ port: true });
    expect((await failure({ port: server.port, db: 99 })).message).toMatch(/no such database/);
  });

  it('the port speaks plain text and TLS was asked for', async () => {
    const server = await RedisServer.start({ port: true });
    const error = await failure({ url: `rediss://localhost:${server.port}`, connectTimeout: '2s' });
    expect(error).toMatchObject({ reason: 'tls' });
    expect(error.message).toMatch(/does not speak TLS on this port/);
    expect(error.tookMs).toBeLessThan(1_500);
  });

  it('the port speaks TLS and plain text was sent', async () => {
    const server = await RedisServer.start({ tls: { certificates: certificates() } });
    const error = await failure({ port: server.port });
    expect(error).toMatchObject({ reason: 'protocol' });
    expect(error.message).toMatch(/rediss:\/\//);
  });

  it('the port belongs to something else', async () => {
    const port = await listen((socket) => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await failure({ port })).toMatchObject({ reason: 'protocol' });
  });

  it('somebody accepts and never answers', async () => {
    const port = await listen((socket) => void afterThisTest(() => void socket.destroy()));
    const error = await failure({ port, connectTimeout: 200 });
    expect(error).toMatchObject({ reason: 'timeout' });
    expect(error.tookMs).toBeLessThan(1_000);
  });

  it('the caller gives up', async () => {
    const port = await listen((socket) => void afterThisTest(() => void socket.destroy()));
    const controller = new AbortController();
    const connecting = RedisManager.connect({ port }, { signal: controller.signal });
    controller.abort(new Error('no longer needed'));
    await expect(connecting).rejects.toThrow('no longer needed');
  });
});

describe('TLS', () => {
  it('connects with the authority that signed the server, by name, and with a client certificate', async () => {
    const certs = certificates();
    const server = await RedisServer.start({ tls: { certificates: certs, requireClientCertificate: true } });
    const tls = { ca: certs.ca.cert, cert: certs.client.cert, key: certs.client.key };
    const manager = await RedisManager.connect({ url: server.url, tls });
    expect(await manager.command(['PING'])).toBe('PONG');
    await manager.close();
    expect(await failure({ url: server.url, tls: { ca: certs.ca.cert } })).toMatchObject({ reason: 'tls' });
  });

  it('refuses a server whose certificate nobody trusted has signed', async () => {
    const certs = certificates();
    const server = await RedisServer.start({ tls: { certificates: certs } });
    expect(await failure({ url: server.url })).toMatchObject({ reason: 'tls' });
    const error = await failure({ url: server.url, tls: { ca: certs.strangerCa.cert } });
    expect(error).toMatchObject({ reason: 'tls' });
    expect(error.message).toMatch(/`tls\.ca`/);
  });

  it.each(['expired', 'wrongName'] as const)('refuses a certificate that is %s', async (which) => {
    const certs = certificates();
    const server = await RedisServer.start({ tls: { certificates: { ...certs, server: certs[which] } } });
    const error = await failure({ url: server.url, tls: { ca: certs.ca.cert } });
    expect(error).toMatchObject({ reason: 'tls' });
    expect(error.message).toMatch(which === 'expired' ? /expired/ : /another name/);
  });

  it('accepts another name than the host when `servername` says so', async () => {
    const certs = certificates();
    const server = await RedisServer.start({ tls: { certificates: { ...certs, server: certs.wrongName } } });
    const manager = await RedisManager.connect({
      url: server.url,
      tls: { ca: certs.ca.cert, servername: 'elsewhere.test' },
    });
    expect(await manager.command(['PING'])).toBe('PONG');
    await manager.close();
  });

  it.each([
    ['localhost', 'localhost'],
    ['127.0.0.1', false],
  ])('sends the name of host %s as SNI: %s', async (host, expected) => {
    const certs = certificates();
    const { createServer: createTlsServer } = await import('node:tls');
    const names: unknown[] = [];
    const server = createTlsServer({ cert: certs.server.cert, key: certs.server.key }, (socket) => {
      names.push((socket as { servername?: unknown }).servername);
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    afterThisTest(() => new Promise((resolve) => server.close(() => resolve())));
    const { port } = server.address() as { port: number };
    await failure({ host, port, tls: { ca: certs.ca.cert } });
    expect(names).toEqual([expected]);
  });
});

describe('ACL', () => {
  it('logs in as a user and works within its rights', async () => {
    const server = await RedisServer.start({
      port: true,
      acl: ['user default off', 'user app on >right ~ru:* +ping +get +set'],
    });
    const manager = await RedisManager.connect({ port: server.port, username: 'app', password: 'right' });
    expect(await manager.command(['SET', 'ru:a', '1', 'PX', 1_000])).toBe('OK');
    await expect(manager.command(['GET', 'other'])).rejects.toMatchObject({ replyCode: 'NOPERM' });
    await manager.close();
  });
});
