import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { certificates } from '../../src/testing/certificates.js';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';
import { RespConnection } from '../../src/testing/resp-connection.js';

noLeaks();

async function setUp(): Promise<{ server: RedisServer; proxy: FaultProxy; dial: () => Promise<RespConnection> }> {
  const server = await RedisServer.start();
  const proxy = await FaultProxy.start(server);
  return { server, proxy, dial: () => RespConnection.connect({ port: proxy.port, host: '127.0.0.1' }) };
}

function within<T>(promise: Promise<T>, waitMs: number): Promise<T | 'silence'> {
  return Promise.race([promise, new Promise<'silence'>((resolve) => setTimeout(resolve, waitMs, 'silence'))]);
}

test('without a fault it changes nothing and records the commands', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  const large = 'x'.repeat(300_000);
  await connection.send(['SET', 'k', large]);
  expect(String(await connection.send(['get', 'k']))).toBe(large);
  expect(proxy.commands).toEqual(['SET', 'GET']);
  expect([proxy.connections, proxy.accepted]).toEqual([1, 1]);
});

test('latency delays and keeps the order', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  proxy.latency(60, 'toClient');
  const startedAt = performance.now();
  const replies = await Promise.all([1, 2, 3].map((n) => connection.send(['ECHO', n])));
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(59);
  expect(replies.map(String)).toEqual(['1', '2', '3']);
});

test.each(['toServer', 'toClient'] as const)('a black hole %s holds everything until it heals', async (direction) => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  proxy.blackHole(direction);
  const reply = connection.send(['INCR', 'n']);
  expect(await within(reply, 60)).toBe('silence');
  expect(await server.command(['GET', 'n'])).toBe(direction === 'toServer' ? null : '1');
  proxy.heal();
  expect(await reply).toBe(1);
});

test('bytes that come one at a time are the same reply', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  proxy.oneByteWrites();
  expect(String(await connection.send(['ECHO', 'hello world']))).toBe('hello world');
});

test('a truncated reply ends the connection', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  proxy.truncateRepliesAfter(6);
  await expect(connection.send(['ECHO', 'hello world'])).rejects.toThrow('closed');
  proxy.heal();
  expect(await (await dial()).send(['PING'])).toBe('PONG');
});

test('a lost reply is that of the n-th command, which has run', async () => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  const lost = proxy.loseReply({ command: 'incr', nth: 2 });
  expect(await connection.send(['INCR', 'n'])).toBe(1);
  const [before, second, after] = await Promise.allSettled([
    connection.send(['PING']),
    connection.send(['INCR', 'n']),
    connection.send(['PING']),
  ]);
  await lost;
  expect([before.status, second.status, after.status]).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect(await server.command(['GET', 'n'])).toBe('2');
});

test('a lost reply can leave the connection silent', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  const lost = proxy.loseReply({ ending: 'silence' });
  const reply = connection.send(['PING']);
  reply.catch(() => undefined);
  await lost;
  expect(await within(reply, 60)).toBe('silence');
  expect(proxy.connections).toBe(1);
});

test('pushes are not counted as replies', async () => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  await connection.send(['HELLO', '3']);
  void connection.send(['SUBSCRIBE', 'news']).catch(() => undefined);
  await eventually(() => expect(connection.pushes).toHaveLength(1));
  await server.command(['PUBLISH', 'news', 'x']);
  await eventually(() => expect(connection.pushes).toHaveLength(2));
  void proxy.loseReply({ command: 'PING' });
  await expect(connection.send(['PING'])).rejects.toThrow();
});

test('reset ends connections and accepts new ones; refuse does the opposite', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  await connection.send(['PING']);
  const pending = connection.send(['BLPOP', 'nothing', 0]);
  proxy.reset();
  await expect(pending).rejects.toThrow();
  const second = await dial();
  proxy.refuse();
  await expect(dial()).rejects.toThrow('ECONNREFUSED');
  expect(await second.send(['PING'])).toBe('PONG');
  await proxy.accept();
  expect(await (await dial()).send(['PING'])).toBe('PONG');
});

test.each(['toServer', 'toClient'] as const)('one flipped byte %s is the one that was meant', async (direction) => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  await connection.send(['SET', 'k', 'v']);
  // the b of `*3 $3 SET $1 k $5 abcde`, line ends included, and the a of `$5 abcde`
  const flipped = proxy.flipByte({ direction, at: direction === 'toServer' ? 26 : 5 });
  if (direction === 'toServer') {
    await connection.send(['SET', 'k', 'abcde']);
    await flipped;
    expect(await server.command(['GET', 'k'], { reply: 'bytes' })).toEqual(Buffer.from([0x61, 0x9d, 0x63, 0x64, 0x65]));
  } else {
    const reply = await connection.send(['ECHO', 'abcde']);
    await flipped;
    expect(reply).toEqual(Buffer.from([0x9e, 0x62, 0x63, 0x64, 0x65]));
  }
  expect(await connection.send(['ECHO', 'abcde'])).toEqual(Buffer.from('abcde'));
});

test('a flipped byte of the framing breaks the protocol', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  void proxy.flipByte({ direction: 'toServer', at: 1 });
  // what begins with no asterisk is an inline command, of which the server knows nothing
  await expect(connection.send(['ECHO', 'x'])).rejects.toThrow(/unknown command|Protocol error/);
});

test('a truncated command never runs', async () => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  proxy.truncateCommandsAfter(12);
  await expect(connection.send(['SET', 'k', 'v'])).rejects.toThrow('closed');
  expect(await server.command(['EXISTS', 'k'])).toBe(0);
});

test('jitter delays each piece by the numbers of its seed, and keeps the order', async () => {
  const { proxy, dial } = await setUp();
  const connection = await dial();
  proxy.jitter(80, { seed: 7, direction: 'toServer' });
  const uniform = seededRandom(7);
  for (let n = 0; n < 4; n += 1) {
    const startedAt = performance.now();
    await connection.send(['ECHO', n]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(80 * uniform());
  }
  const replies = await Promise.all([1, 2, 3].map((n) => connection.send(['ECHO', n])));
  expect(replies.map(String)).toEqual(['1', '2', '3']);
});

test('a seed gives a sequence that is spread out and its own', () => {
  const draw = (seed: number): number[] => Array.from({ length: 100 }, seededRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(new Set([...draw(7), ...draw(8)]).size).toBe(200);
  expect(Math.min(...draw(7))).toBeLessThan(0.1);
  expect(Math.max(...draw(7))).toBeGreaterThan(0.9);
});

test('what a black hole holds back is felt by the sender', async () => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  proxy.blackHole('toServer');
  const values = Array.from({ length: 40 }, (_, n) => connection.send(['SET', `k${n}`, 'x'.repeat(500_000)]));
  await expect(eventually(() => connection.unsentBytes === 0, { within: 200 })).rejects.toThrow('did not become true');
  proxy.heal();
  await Promise.all(values);
  expect(await server.command(['DBSIZE'])).toBe(40);
});

test('RESP2 messages are not counted as replies, and a subscription to two channels has two', async () => {
  const { server, proxy, dial } = await setUp();
  const connection = await dial();
  const [one, two] = [connection.send(['SUBSCRIBE', 'a', 'b']), connection.expectReply()];
  expect([await one, await two].map((reply) => String((reply as unknown[])[1]))).toEqual(['a', 'b']);
  const message = connection.expectReply();
  await server.command(['PUBLISH', 'a', 'message']);
  expect(String(await message)).toBe('message,a,message');
  void proxy.loseReply({ command: 'PING' });
  await expect(connection.send(['PING'])).rejects.toThrow();
});

test('TLS passes unread', async () => {
  const server = await RedisServer.start({ tls: true });
  const proxy = await FaultProxy.start(server);
  expect(proxy.url).toBe(`rediss://localhost:${proxy.port}`);
  const socket = connectTls({ port: proxy.port, host: 'localhost', ca: certificates().ca.cert });
  await once(socket, 'secureConnect');
  socket.write('PING\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('+PONG\r\n');
  expect(proxy.commands).toEqual([]);
  socket.destroy();
});

test('options are checked', async () => {
  const { proxy } = await setUp();
  expect(() => proxy.flipByte({ direction: 'toServer', at: 0 })).toThrow('flipByte.at');
  expect(() => proxy.jitter(5, { sed: 1 } as object)).toThrow('did you mean `seed`');
  expect(() => proxy.latency(5, 'toserver' as 'toServer')).toThrow("'toServer' or 'toClient'");
});
