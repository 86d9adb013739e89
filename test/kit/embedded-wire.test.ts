import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedRedis } from '../../src/testing/embedded/embedded-redis.js';
import { encodeCommand } from '../../src/testing/resp.js';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';

/** The listener answers byte for byte as a real server does; of errors, the first word. */

let redis: EmbeddedRedis;
let server: RedisServer;

beforeAll(async () => {
  redis = await EmbeddedRedis.start({ listen: 'unix' });
  server = await RedisServer.start({ stoppedBy: 'caller' });
});
afterAll(async () => {
  await redis.stop();
  await server.stop();
});

async function dial(path: string): Promise<Socket> {
  const socket = createConnection({ path });
  await once(socket, 'connect');
  return socket;
}

/** All that comes in answer to these bytes until the connection ends, which a QUIT at the end makes it do. */
async function answers(path: string, bytes: Buffer): Promise<string> {
  const socket = await dial(path);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.write(Buffer.concat([bytes, encodeCommand(['QUIT'])]));
  await once(socket, 'close');
  return received;
}

/** What a connection that tracks is told while another one writes. */
async function news(path: string, protocol: number): Promise<string> {
  const [tracker, writer] = [await dial(path), await dial(path)];
  let heard = '';
  tracker.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  const ask = async (command: string, answer: string): Promise<void> => {
    const from = heard.length;
    tracker.write(encodeCommand(command.split(' ')));
    await eventually(() => heard.includes(answer, from));
  };
  await ask(`HELLO ${protocol}`, 'modules');
  await ask('CLIENT TRACKING ON BCAST PREFIX a', '+OK\r\n');
  heard = '';
  for (const command of ['MSET a2 1 a1 2 b 3', 'DEL b', 'DEL a1 nope', 'FLUSHALL']) {
    writer.write(encodeCommand(command.split(' ')));
    await once(writer, 'data');
    await ask('PING', '+PONG\r\n');
    await ask('PING', '+PONG\r\n');
  }
  tracker.destroy();
  writer.destroy();
  return heard.replaceAll('+PONG\r\n', '');
}

/** The lines of an answer, errors cut to the one word on which servers agree. */
function linesOf(text: string | undefined): string[] {
  return (text ?? '').split('\r\n').map((line) => (/^-[A-Z]/.test(line) ? String(line.split(' ')[0]) : line));
}

const STRINGS =
  'SET s v|GET s|GET absent|SET s w NX|APPEND s \u00e9|STRLEN s|MGET s absent|INCR n|INCRBYFLOAT n 0.5|GET n|INCR s';
const LISTS =
  'RPUSH l a b c|LRANGE l 0 -1|LPOP l 2|LPOP absent|LPOP absent 2|RPOP absent 1|BLPOP absent 0.01|BLPOP l 1|LPOS l x';
const HASHES = 'HSET h f v|HGETALL h|HGETALL absent|HGET h x|HMGET h f x|HSCAN h 0';
const SORTED =
  'ZADD z 1 a 2.5 b inf c|ZSCORE z b|ZSCORE z c|ZSCORE z x|ZRANGE z 0 -1|ZRANGE z 0 -1 WITHSCORES|ZADD z INCR 3 a';
const SORTED_ENDS = 'ZADD z XX INCR 1 x|ZINCRBY z 0.5 b|ZPOPMIN z|ZPOPMAX z 2|ZPOPMIN absent|ZRANK z a|ZRANK z x';
const TRANSACTIONS =
  'MULTI|SET s 1|INCR s|LRANGE l 0 -1|EXEC|MULTI|NOSUCH|EXEC|EXEC|MULTI|DISCARD|DISCARD|MULTI|HGETALL h|EXEC';
const ERRORS =
  'NOSUCH a b|GET|GET a b|LPUSH s x|SET s v EX 0|SELECT 99|EXPIRE s x|EVALSHA 0000000000000000000000000000000000000000 0';
const SCRIPTS =
  'EVAL return{1,2,{3}} 0|EVAL return{ok="fine"} 0|EVAL return{err="MY_bad"} 0|EVAL return{} 0|EVAL return(nil) 0';
const CONNECTION =
  'PING|PING hello|ECHO hi|SELECT 1|DBSIZE|SELECT 0|CLIENT GETNAME|CLIENT SETNAME me|CLIENT GETNAME|AUTH x|TYPE s|TTL absent';
const PUBSUB = 'SUBSCRIBE a b|PSUBSCRIBE a*|PING|PING x|GET s|UNSUBSCRIBE b|UNSUBSCRIBE|PUNSUBSCRIBE a*|PUBLISH a m';
const RESETS = 'SUBSCRIBE a|RESET|PING|GET s|MULTI|RESET|EXEC';

const GROUPS = {
  STRINGS,
  LISTS,
  HASHES,
  SORTED,
  SORTED_ENDS,
  TRANSACTIONS,
  ERRORS,
  SCRIPTS,
  CONNECTION,
  PUBSUB,
  RESETS,
};

describe.each([2, 3])('in RESP%i', (protocol) => {
  test('connections that track are told of changed keys', async () => {
    const [own, theirs] = await Promise.all([redis.socketPath, server.socketPath].map((path) => news(path, protocol)));
    expect(own).toBe(theirs);
    expect(own?.match(/invalidate/g) ?? []).toHaveLength(protocol === 3 ? 3 : 0);
  });

  test.each(Object.entries(GROUPS))('%s', async (_, group) => {
    const commands = [['FLUSHALL'], ...group.split('|').map((command) => command.split(' '))];
    if (protocol === 2) commands.push(['QUIT']);
    const bytes = Buffer.concat(commands.map(encodeCommand));
    const hello = protocol === 3 ? encodeCommand(['HELLO', '3']) : Buffer.alloc(0);
    const [own, theirs] = await Promise.all(
      [redis.socketPath, server.socketPath].map((path) => answers(path, Buffer.concat([hello, bytes]))),
    );
    const afterHello = (text: string | undefined): string | undefined =>
      protocol === 3 ? text?.slice(text.indexOf('+OK')) : text;
    expect(linesOf(afterHello(own))).toEqual(linesOf(afterHello(theirs)));
  });
});

test('what a client publishes to itself comes after the reply', async () => {
  const words = ['HELLO 3', 'SUBSCRIBE a', 'PUBLISH a m', 'MULTI', 'PUBLISH a n', 'EXEC'].map((each) =>
    each.split(' '),
  );
  const received = await answers(redis.socketPath, Buffer.concat(words.map(encodeCommand)));
  const message = (payload: string): string => `>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n${payload}\r\n`;
  const after = received.slice(received.indexOf(':1\r\n:1\r\n') + 4);
  expect(after).toBe(`:1\r\n${message('m')}+OK\r\n+QUEUED\r\n*1\r\n:1\r\n${message('n')}+OK\r\n`);
});

test('ending no subscription is answered too', async () => {
  const words = [['UNSUBSCRIBE'], ['PUNSUBSCRIBE', 'x']];
  const received = await answers(redis.socketPath, Buffer.concat(words.map(encodeCommand)));
  const none = '*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n';
  expect(received).toBe(`${none}*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n+OK\r\n`);
});

const INLINE = 'PING\r\nset a "x y\\x41\\n"\r\n\r\nget a\nGET \'a\'\r\n';
const BROKEN = ['GET "a\r\n', '*1\r\n+PING\r\n', '*x\r\n', '*1\r\n$x\r\n', '*-1\r\n*0\r\nPING\r\n', '*1\r\n$-1\r\n'];

describe('what is no array of bulk strings', () => {
  test.each([INLINE, ...BROKEN])('%j', async (text) => {
    const [own, theirs] = await Promise.all(
      [redis.socketPath, server.socketPath].map((path) => answers(path, Buffer.from(text, 'latin1'))),
    );
    expect(linesOf(own)).toEqual(linesOf(theirs));
  });

  test('comes in any pieces', async () => {
    const socket = await dial(redis.socketPath);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    for (const byte of encodeCommand(['ECHO', 'in pieces'])) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(encodeCommand(['QUIT']));
    await once(socket, 'close');
    expect(received).toBe('$9\r\nin pieces\r\n+OK\r\n');
  });
});
