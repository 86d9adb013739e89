import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
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
