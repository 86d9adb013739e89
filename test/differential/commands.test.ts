import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CommandWords, commandStream, withoutNesting } from './command-stream.js';
import { ask, openPair, type Pair, type Plain, runs } from './pair.js';

const UNORDERED = new Set(['KEYS', 'SMEMBERS', 'HKEYS', 'HVALS', 'SPOP']);
const TIMES = new Set(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']);

function sorted(items: readonly Plain[]): Plain[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function sortedPairs(flat: readonly Plain[]): Plain[] {
  const pairs: Plain[] = [];
  for (let index = 0; index < flat.length; index += 2) pairs.push(flat.slice(index, index + 2));
  return sorted(pairs);
}

/** Levels what may differ between two correct servers: the order of unordered things, and times by a few seconds. */
function comparable(command: CommandWords, reply: Plain): Plain {
  const name = command[0] as string;
  if (TIMES.has(name) && typeof reply === 'number') return reply < 0 ? reply : 'some time';
  if (!Array.isArray(reply)) return reply;
  if (UNORDERED.has(name)) return sorted(reply);
  if (name === 'SCAN') return [reply[0] as Plain, sorted(reply[1] as Plain[])];
  if (name === 'HSCAN') return [reply[0] as Plain, sortedPairs(reply[1] as Plain[])];
  if (name === 'EVAL' && command.includes('HGETALL')) return sortedPairs(reply);
  return reply;
}

/** Replies inside `EXEC` belong to the commands that were queued. */
function transcript(commands: readonly CommandWords[], replies: readonly Plain[]): Plain[] {
  let queued: CommandWords[] = [];
  return replies.map((reply, index) => {
    const command = commands[index] as CommandWords;
    if (reply === 'QUEUED') queued.push(command);
    if (command[0] === 'DISCARD') queued = [];
    if (command[0] !== 'EXEC' || !Array.isArray(reply)) return comparable(command, reply);
    const inner = reply.map((item, place) => comparable(queued[place] ?? ['?'], item));
    queued = [];
    return inner;
  });
}

async function clean({ engine, server }: Pair): Promise<void> {
  for (const driver of [engine, server])
    await ask(driver, [['DISCARD'], ['UNWATCH'], ['SELECT', '0'], ['FLUSHALL'], ['SCRIPT', 'FLUSH']]);
}

test('random command streams get the replies of the server', { timeout: 600_000 }, async () => {
  const pair = await openPair();
  await fc.assert(
    fc.asyncProperty(commandStream, async (stream) => {
      await clean(pair);
      const commands = withoutNesting(stream);
      const [engine, server] = await Promise.all([ask(pair.engine, commands), ask(pair.server, commands)]);
      const named = (replies: readonly Plain[]): Plain[] =>
        transcript(commands, replies).map((reply, index) => [(commands[index] as CommandWords).join(' '), reply]);
      expect(named(engine)).toEqual(named(server));
    }),
    { numRuns: runs(150) },
  );
});

test('TIME, INFO and CLIENT ID have the shapes of the server', async () => {
  const pair = await openPair();
  const shapes = async (driver: Pair['engine']): Promise<unknown[]> => {
    const [time, info, id] = await ask(driver, [['TIME'], ['INFO', 'server'], ['CLIENT', 'ID']]);
    const isNow = Math.abs(Number((time as string[])[0]) - Date.now() / 1000) < 5;
    return [(time as string[]).length, isNow, /^# Server\r\nredis_version:\d+\.\d+/.test(info as string), typeof id];
  };
  expect(await shapes(pair.engine)).toEqual(await shapes(pair.server));
});

test('random bytes survive as keys and values, and in scripts', async () => {
  const pair = await openPair();
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  await fc.assert(
    fc.asyncProperty(bytes, bytes, async (key, value) => {
      const commands = [
        ['SET', key, value],
        ['GET', key],
        ['STRLEN', key],
        ['HSET', Buffer.concat([key, Buffer.from('h')]), value, key],
        ['HVALS', Buffer.concat([key, Buffer.from('h')])],
        [
          'EVAL',
          "return {redis.call('GET', KEYS[1]), #ARGV[1], redis.sha1hex(ARGV[1]), string.reverse(ARGV[1])}",
          '1',
          key,
          value,
        ],
        ['EVAL', 'return {string.format("%q", ARGV[1]), string.byte(ARGV[1], 1, -1)}', '0', value],
        [
          'EVAL',
          'return {cmsgpack.pack(ARGV[1]), cmsgpack.unpack(cmsgpack.pack(ARGV[1])), struct.pack("s", ARGV[1])}',
          '0',
          value,
        ],
        ['DEL', key],
      ];
      expect(await ask(pair.engine, commands, 'bytes')).toEqual(await ask(pair.server, commands, 'bytes'));
    }),
    { numRuns: runs(60) },
  );
});
