import { globMatches } from '../glob.js';
import { fitsInt64, parseInt64 } from '../number.js';
import { type EngineReply, ErrorReply, MapReply, NOT_INTEGER } from '../reply.js';
import type { CommandSpec, Session } from '../server.js';
import { read, write } from './define.js';
import { cursorArg, scanOptions } from './keys.js';

function forWriting({ database }: Session, key: string): Map<string, string> {
  return database.hash(key) ?? database.create(key, new Map<string, string>());
}

function setFields(session: Session, argv: readonly string[]): EngineReply {
  if (argv.length % 2 !== 0) throw new ErrorReply("ERR wrong number of arguments for 'hset' command");
  const key = argv[1] as string;
  const hash = forWriting(session, key);
  const before = hash.size;
  for (let index = 2; index < argv.length; index += 2) hash.set(argv[index] as string, argv[index + 1] as string);
  session.database.changed(key, hash.size);
  return hash.size - before;
}

function setIfAbsent(session: Session, argv: readonly string[]): EngineReply {
  const [key, field, value] = argv.slice(1) as [string, string, string];
  if (session.database.hash(key)?.has(field) === true) return 0;
  const hash = forWriting(session, key);
  hash.set(field, value);
  session.database.changed(key, hash.size);
  return 1;
}

function getFields({ database }: Session, argv: readonly string[]): EngineReply {
  const hash = database.hash(argv[1] as string);
  const values: EngineReply[] = [];
  for (let index = 2; index < argv.length; index += 1) values.push(hash?.get(argv[index] as string) ?? null);
  return values;
}

function getAll({ database }: Session, argv: readonly string[]): EngineReply {
  const flat: string[] = [];
  for (const [field, value] of database.hash(argv[1] as string) ?? []) flat.push(field, value);
  return new MapReply(flat);
}

function deleteFields({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const hash = database.hash(key);
  if (hash === undefined) return 0;
  let count = 0;
  for (let index = 2; index < argv.length; index += 1) if (hash.delete(argv[index] as string)) count += 1;
  if (count > 0) database.changed(key, hash.size);
  return count;
}

function incrementField(session: Session, argv: readonly string[]): EngineReply {
  const [key, field, byText] = argv.slice(1) as [string, string, string];
  const by = parseInt64(byText);
  if (by === undefined) throw new ErrorReply(NOT_INTEGER);
  const current = parseInt64(session.database.hash(key)?.get(field) ?? '0');
  if (current === undefined) throw new ErrorReply('ERR hash value is not an integer');
  if (!fitsInt64(current + by)) throw new ErrorReply('ERR increment or decrement would overflow');
  const hash = forWriting(session, key);
  hash.set(field, String(current + by));
  session.database.changed(key, hash.size);
  return Number(current + by);
}

/** A hash is given whole in one step, as a server does with a small one. */
function scanFields({ database }: Session, argv: readonly string[]): EngineReply {
  cursorArg(argv[2] as string);
  const { match } = scanOptions(argv.slice(3), false);
  const flat: string[] = [];
  for (const [field, value] of database.hash(argv[1] as string) ?? []) {
    if (match !== undefined && !globMatches(match, field)) continue;
    flat.push(field, value);
  }
  return ['0', flat];
}

export const HASH_COMMANDS: readonly CommandSpec[] = [
  write('HSET', -4, setFields),
  write('HSETNX', 4, setIfAbsent),
  read('HGET', 3, ({ database }, argv) => database.hash(argv[1] as string)?.get(argv[2] as string) ?? null),
  read('HMGET', -3, getFields),
  read('HGETALL', 2, getAll),
  write('HDEL', -3, deleteFields),
  read('HEXISTS', 3, ({ database }, argv) =>
    database.hash(argv[1] as string)?.has(argv[2] as string) === true ? 1 : 0,
  ),
  write('HINCRBY', 4, incrementField),
  read('HKEYS', 2, ({ database }, argv) => [...(database.hash(argv[1] as string)?.keys() ?? [])]),
  read('HVALS', 2, ({ database }, argv) => [...(database.hash(argv[1] as string)?.values() ?? [])]),
  read('HLEN', 2, ({ database }, argv) => database.hash(argv[1] as string)?.size ?? 0),
  read('HSTRLEN', 3, ({ database }, argv) => database.hash(argv[1] as string)?.get(argv[2] as string)?.length ?? 0),
  read('HSCAN', -3, scanFields),
];
