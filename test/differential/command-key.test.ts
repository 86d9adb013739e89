import { expect, test } from 'vitest';
import { firstKey } from '../../src/client/calls/command-key.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

/** A line of `COMMAND`: name, arity, flags, first key, …; at 9 its subcommands. */
type CommandInfo = readonly [name: string, arity: number, flags: readonly string[], firstKeyAt: number, ...unknown[]];

interface Described {
  readonly words: readonly string[];
  readonly firstKeyAt: number;
  readonly isMovable: boolean;
}

/** All commands and subcommands that the server has, as it describes them; not the bare names of containers. */
async function allCommands(server: RedisServer): Promise<readonly Described[]> {
  const infos = await server.command<readonly CommandInfo[]>(['COMMAND']);
  return infos.flatMap((info) => {
    const subcommands = info[9] as readonly CommandInfo[];
    return (subcommands.length === 0 ? [info] : subcommands).map(([name, , flags, firstKeyAt]) => ({
      words: name.toUpperCase().split('|'),
      firstKeyAt,
      isMovable: flags.includes('movablekeys'),
    }));
  });
}

/** Messages of one channel stay in order on one way only, so `PUBLISH` goes by its channel. */
const BY_CHANNEL = ['PUBLISH'];
/** Asks for help have no further words, and go anywhere. */
const isHelp = ({ words }: Described): boolean => words[1] === 'HELP';

/** What has its keys where its other arguments say. */
const MOVABLE: readonly (readonly string[])[] = [
  ['EVAL', 'return 1', '2', 'a', 'b', 'x'],
  ['EVALSHA', '0'.repeat(40), '1', 'a', 'x'],
  ['EVAL_RO', 'return 1', '1', 'a'],
  ['EVALSHA_RO', '0'.repeat(40), '2', 'a', 'b'],
  ['FCALL', 'f', '1', 'a'],
  ['FCALL_RO', 'f', '1', 'a'],
  ['ZDIFF', '2', 'a', 'b'],
  ['ZDIFFSTORE', 'to', '2', 'a', 'b'],
  ['ZINTER', '2', 'a', 'b', 'WEIGHTS', '1', '2'],
  ['ZINTERCARD', '2', 'a', 'b', 'LIMIT', '3'],
  ['ZINTERSTORE', 'to', '2', 'a', 'b'],
  ['ZUNION', '2', 'a', 'b'],
  ['ZUNIONSTORE', 'to', '1', 'a'],
  ['SINTERCARD', '2', 'a', 'b'],
  ['LMPOP', '2', 'a', 'b', 'LEFT'],
  ['BLMPOP', '0', '2', 'a', 'b', 'LEFT'],
  ['ZMPOP', '1', 'a', 'MIN'],
  ['BZMPOP', '0', '1', 'a', 'MIN'],
  ['MSETEX', '2', 'a', '1', 'b', '2', 'EX', '9'],
  ['XREAD', 'STREAMS', 'a', 'b', '0', '0'],
  ['XREAD', 'COUNT', '5', 'BLOCK', '1', 'streams', 'a', '0'],
  ['XREADGROUP', 'GROUP', 'streams', 'streams', 'COUNT', '1', 'STREAMS', 'a', '>'],
  ['SORT', 'a', 'BY', 'nosort', 'STORE', 'b'],
  ['SORT_RO', 'a', 'DESC'],
  ['GEORADIUS', 'a', '1', '2', '3', 'm', 'STORE', 'b'],
  ['GEORADIUSBYMEMBER', 'a', 'm', '3', 'm'],
  ['MIGRATE', '127.0.0.1', '1', 'a', '0', '1'],
  ['MIGRATE', '127.0.0.1', '1', '', '0', '1', 'COPY', 'KEYS', 'a', 'b'],
];

test('the first key of every command is where the server says', async () => {
  await using server = await RedisServer.start();
  const commands = await allCommands(server);
  expect(commands.length).toBeGreaterThan(200);
  for (const described of commands) {
    const { words, firstKeyAt, isMovable } = described;
    if (isMovable || isHelp(described) || BY_CHANNEL.includes(String(words[0]))) continue;
    const command = [...words, ...Array.from({ length: 6 }, (_, index) => `word${index}`)];
    const expected = firstKeyAt > 0 ? command[firstKeyAt] : undefined;
    expect(firstKey(command), words.join(' ')).toBe(expected);
    const asBytes = command.map((word) => Buffer.from(word.toLowerCase()));
    expect(firstKey(asBytes)?.toString(), words.join(' ')).toBe(expected?.toLowerCase());
  }
});

test('where the place of the keys depends on other arguments, it is the one that the server finds', async () => {
  await using server = await RedisServer.start();
  const commands = await allCommands(server);
  const known = new Set(commands.map(({ words }) => words[0]));
  for (const command of MOVABLE) {
    if (!known.has(command[0])) continue;
    const [first] = await server.command<readonly string[]>(['COMMAND', 'GETKEYS', ...command]);
    expect(firstKey(command), command.join(' ')).toBe(first);
  }
  const covered = new Set(MOVABLE.map(([name]) => name));
  expect(commands.filter(({ words, isMovable }) => isMovable && !covered.has(words[0]))).toEqual([]);
});

test.each([
  [['EVAL', 'return 1', '0', 'x']],
  [['FCALL', 'f', '0']],
  [['XREAD', 'COUNT', '1']],
  [['GET']],
  [['MEMORY', 'DOCTOR']],
  [['SCRIPT', 'FLUSH']],
])('%j goes to any node', (command) => {
  expect(firstKey(command)).toBeUndefined();
});
