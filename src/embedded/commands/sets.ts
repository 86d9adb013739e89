import { integerArg } from '../number.js';
import { type EngineReply, ErrorReply } from '../reply.js';
import type { CommandSpec, Session } from '../server.js';
import { read, write } from './define.js';

function add({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const set = database.set(key) ?? database.create(key, new Set<string>());
  const before = set.size;
  for (let index = 2; index < argv.length; index += 1) set.add(argv[index] as string);
  if (set.size !== before) database.changed(key, set.size);
  return set.size - before;
}

function remove({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const set = database.set(key);
  if (set === undefined) return 0;
  let count = 0;
  for (let index = 2; index < argv.length; index += 1) if (set.delete(argv[index] as string)) count += 1;
  if (count > 0) database.changed(key, set.size);
  return count;
}

function pop({ database, server }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  if (argv.length > 3) throw new ErrorReply('ERR syntax error');
  const wanted = argv[2] === undefined ? 1 : integerArg(argv[2], 'ERR value is out of range, must be positive');
  if (wanted < 0) throw new ErrorReply('ERR value is out of range, must be positive');
  const set = database.set(key);
  if (set === undefined) return argv[2] === undefined ? null : [];
  const members = [...set];
  const popped: string[] = [];
  while (popped.length < wanted && members.length > 0) {
    const [member] = members.splice(Math.floor(server.random.uniform() * members.length), 1) as [string];
    popped.push(member);
    set.delete(member);
  }
  if (popped.length > 0) database.changed(key, set.size);
  return argv[2] === undefined ? (popped[0] ?? null) : popped;
}

export const SET_COMMANDS: readonly CommandSpec[] = [
  write('SADD', -3, add),
  write('SREM', -3, remove),
  read('SMEMBERS', 2, ({ database }, argv) => [...(database.set(argv[1] as string) ?? [])]),
  read('SISMEMBER', 3, ({ database }, argv) =>
    database.set(argv[1] as string)?.has(argv[2] as string) === true ? 1 : 0,
  ),
  read('SCARD', 2, ({ database }, argv) => database.set(argv[1] as string)?.size ?? 0),
  write('SPOP', -2, pop),
];
