import { connect as connectTls } from 'node:tls';
import { existsSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';
import { findServer, findServers } from '../../src/testing/server-binary.js';
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

  test('is asked by the kit whatever its ACL forbids, or as somebody else', async () => {
    const server = await RedisServer.start({ acl: ['user default off', 'user app on >secret ~app:* +get'] });
    expect(await server.command(['SET', 'app:k', 'v'])).toBe('OK');
    const app = { as: { username: 'app', password: 'secret' } };
    expect(await server.command(['GET', 'app:k'], app)).toBe('v');
    expect(await server.command(['GET', 'app:k'], { ...app, reply: 'bytes' })).toEqual(Buffer.from('v'));
    await expect(server.command(['GET', 'k'], app)).rejects.toMatchObject({ replyCode: 'NOPERM' });
  });

  test('a command to a server that stands still ends in time', async () => {
    const server = await RedisServer.start();
    server.pause();
    expect(server.state).toBe('paused');
    await expect(server.command(['PING'], { timeout: 30 })).rejects.toMatchObject({
      code: 'RU_TIMEOUT',
      timeoutMs: 30,
    });
    server.resume();
    expect(await server.command(['PING'])).toBe('PONG');
  });

  test('a stopped server says so', async () => {
    const server = await RedisServer.start();
    await server.stop();
    await server.stop();
    expect(server.state).toBe('stopped');
    expect(() => server.pid).toThrow('a stopped server');
    expect(() => server.port).toThrow('to have a port');
    await expect(server.command(['PING'])).rejects.toThrow('ENOENT');
  });

  test('`await using` stops it', async () => {
    let pid: number;
    {
      await using server = await RedisServer.start();
      ({ pid } = server);
      expect(process.kill(pid, 0)).toBe(true);
    }
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('starts single nodes in the mode of a cluster and of a sentinel', async () => {
    const [node, sentinel] = [await RedisServer.start({ cluster: true }), await RedisServer.start({ sentinel: true })];
    expect(await node.command(['CLUSTER', 'INFO'])).toContain('cluster_known_nodes:1');
    expect(await sentinel.command(['SENTINEL', 'MASTERS'])).toEqual([]);
    expect([node.url, sentinel.url].every((url) => /^redis:\/\/127\.0\.0\.1:\d+$/.test(url))).toBe(true);
  });

  test('options are checked before anything runs', async () => {
    await expect(RedisServer.start({ verison: 'valkey' } as object)).rejects.toThrow('did you mean `version`');
    await expect(RedisServer.start({ cluster: true, sentinel: true })).rejects.toThrow('server.sentinel');
    await expect(RedisServer.startCluster({ primaries: 0 })).rejects.toThrow('cluster.primaries');
    await expect(RedisServer.startSentinel({ sentinels: 1, quorum: 2 })).rejects.toThrow('sentinel.quorum');
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

describe('versions', () => {
  const all = findServers();

  test.each(all)('$version is found by its id, its name and any beginning of its number', (server) => {
    const [name, number] = server.version.split(' ') as [string, string];
    const [major, minor] = number.split('.') as [string, string];
    expect(findServer(server.id)).toEqual(server);
    expect(findServer(`${name}-${number}`).version).toBe(server.version);
    expect(findServer(`${name}-${major}.${minor}`).version).toMatch(new RegExp(`^${name} ${major}\\.${minor}\\.`));
    expect(findServer(name).version).toMatch(new RegExp(`^${name} `));
  });

  test('the newest comes first', () => {
    const numbers = all.map(({ version }) => version.split(' ')[1] as string);
    expect(numbers).toEqual([...numbers].sort((a, b) => b.localeCompare(a, 'en', { numeric: true })));
    expect(findServer()).toEqual(all[0]);
  });

  test('one that is not there is named, with those that are', async () => {
    const missing = { code: 'RU_TESTING_MISSING_PROGRAM', program: 'valkey-1.0' };
    await expect(RedisServer.start({ version: 'valkey-1.0' })).rejects.toMatchObject(missing);
    expect(() => findServer('redis-7.')).toThrow(String(all[0]?.id));
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
