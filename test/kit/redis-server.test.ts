import { connect as connectTls } from 'node:tls';
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';
import { RespPush } from '../../src/testing/resp.js';
import { RespConnection } from '../../src/testing/resp-connection.js';
import { certificates, type Certificate } from '../support/tls.js';

noLeaks();

describe('RedisServer', () => {
  test('answers as soon as start has resolved, and is gone after stop', async () => {
    const server = await RedisServer.start();
    expect(await server.command(['PING'])).toBe('PONG');
    const { pid } = server;
    await server.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(server.socketPath)).toBe(false);
  });

  test('restart brings back an empty server at the same port', async () => {
    const server = await RedisServer.start({ port: true });
    const { url } = server;
    await server.command(['SET', 'k', 'v']);
    await server.restart();
    expect(server.url).toBe(url);
    expect(await server.command(['GET', 'k'])).toBeNull();
  });

  test('a paused server keeps its connections and answers after resume', async () => {
    const server = await RedisServer.start();
    const connection = await RespConnection.connect({ path: server.socketPath });
    server.pause();
    const reply = connection.send(['PING']);
    const first = await Promise.race([reply, new Promise((resolve) => setTimeout(resolve, 50, 'silence'))]);
    expect(first).toBe('silence');
    server.resume();
    expect(await reply).toBe('PONG');
    connection.close();
  });

  test('kill ends open connections, a paused server included', async () => {
    const server = await RedisServer.start();
    const connection = await RespConnection.connect({ path: server.socketPath });
    server.pause();
    const failure = expect(connection.send(['PING'])).rejects.toThrow();
    await server.kill();
    await failure;
  });

  test('a server that cannot start says what it printed', async () => {
    await expect(RedisServer.start({ args: ['--no-such-option', 'x'] })).rejects.toThrow(/no-such-option/);
  });

  test('reads an ACL file', async () => {
    const server = await RedisServer.start({
      acl: ['user default on nopass ~* &* +@all', 'user app on >secret ~* +get'],
    });
    expect(await server.command(['ACL', 'LIST'])).toEqual(
      expect.arrayContaining([expect.stringContaining('user app on')]),
    );
  });

  test('speaks RESP3 with maps and pushes', async () => {
    const server = await RedisServer.start();
    const connection = await RespConnection.connect({ path: server.socketPath });
    const hello = await connection.send(['HELLO', '3']);
    expect(hello).toBeInstanceOf(Map);
    const unanswered = expect(connection.send(['SUBSCRIBE', 'news'])).rejects.toThrow('closed');
    await eventually(() => expect(connection.pushes[0]).toBeInstanceOf(RespPush));
    connection.close();
    await unanswered;
  });
});

describe('TLS', () => {
  async function handshake(server: RedisServer, trusted: Certificate, own?: Certificate): Promise<string> {
    return new Promise((resolve) => {
      const client = own === undefined ? {} : { cert: own.cert, key: own.key };
      const socket = connectTls({
        port: server.port,
        host: 'localhost',
        servername: 'localhost',
        ca: trusted.cert,
        ...client,
      });
      const end = (answer: string): void => {
        socket.destroy();
        resolve(answer);
      };
      socket.once('secureConnect', () => socket.write('PING\r\n'));
      socket.once('data', (data) => end(data.toString().trim()));
      socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
  }

  test('a certificate of the authority is accepted, a stranger is not', async () => {
    const server = await RedisServer.start({ tls: { certificates: certificates() } });
    expect(server.url).toMatch(/^rediss:\/\/localhost:\d+$/);
    expect(await handshake(server, certificates().ca)).toBe('+PONG');
    expect(await handshake(server, certificates().strangerCa)).toBe('SELF_SIGNED_CERT_IN_CHAIN');
  });

  test('expired and misnamed certificates are what they are called', async () => {
    const all = certificates();
    const expired = await RedisServer.start({ tls: { certificates: { ...all, server: all.expired } } });
    expect(await handshake(expired, all.ca)).toBe('CERT_HAS_EXPIRED');
    const misnamed = await RedisServer.start({ tls: { certificates: { ...all, server: all.wrongName } } });
    expect(await handshake(misnamed, all.ca)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('a server that asks for a client certificate takes ours', async () => {
    const all = certificates();
    const server = await RedisServer.start({ tls: { certificates: all, requireClientCertificate: true } });
    expect(await handshake(server, all.ca, all.client)).toBe('+PONG');
    expect(await handshake(server, all.ca)).not.toBe('+PONG');
  });
});

let stoppedByFile: RedisServer | undefined;
test('a server that its caller stops outlives the test', async () => {
  stoppedByFile = await RedisServer.start({ stoppedBy: 'caller' });
});
afterAll(async () => {
  expect(await stoppedByFile?.command(['PING'])).toBe('PONG');
  await stoppedByFile?.stop();
});
