import { NEVER } from '../keyspace.js';
import { addExtended } from '../extended.js';
import { fitsInt64, integerArg, parseFloatText, parseInt64, shortInteger } from '../number.js';
import { type EngineReply, ErrorReply, NOT_FLOAT, NOT_INTEGER, OK, SYNTAX } from '../reply.js';
import type { CommandSpec, Session } from '../server.js';
import { ALL_KEYS, define, read, write } from './define.js';
import { type ExpiryUnit, expiryTime, isExpiryUnit } from './expiry.js';

const MAX_LENGTH = 512 * 1024 * 1024;

interface SetOptions {
  condition: 'NX' | 'XX' | undefined;
  wantsOld: boolean;
  keepsTtl: boolean;
  expiry: { unit: ExpiryUnit; text: string } | undefined;
}

function setOptions(argv: readonly string[]): SetOptions {
  const options: SetOptions = { condition: undefined, wantsOld: false, keepsTtl: false, expiry: undefined };
  for (let index = 3; index < argv.length; index += 1) {
    const word = (argv[index] as string).toUpperCase();
    const next = argv[index + 1];
    if ((word === 'NX' || word === 'XX') && (options.condition ?? word) === word) options.condition = word;
    else if (word === 'GET') options.wantsOld = true;
    else if (word === 'KEEPTTL' && options.expiry === undefined) options.keepsTtl = true;
    else if (isExpiryUnit(word) && !options.keepsTtl && options.expiry === undefined && next !== undefined) {
      options.expiry = { unit: word, text: next };
      index += 1;
    } else throw new ErrorReply(SYNTAX);
  }
  return options;
}

function set(session: Session, argv: readonly string[]): EngineReply {
  const { database } = session;
  const [key, value] = [argv[1] as string, argv[2] as string];
  if (argv.length === 3) {
    database.put(key, value);
    return OK;
  }
  const options = setOptions(argv);
  const expiresAtMs = options.expiry === undefined ? NEVER : expiryTime(session, options.expiry, 'set');
  const old = options.wantsOld ? (database.string(key) ?? null) : null;
  const isHeld = options.condition !== undefined && (database.find(key) === undefined) !== (options.condition === 'NX');
  if (isHeld) return old;
  if (options.keepsTtl) database.replace(key, value);
  else storeUntil(session, { key, value }, expiresAtMs);
  return options.wantsOld ? old : OK;
}

function storeUntil(
  { database, server }: Session,
  { key, value }: { key: string; value: string },
  expiresAtMs: number,
): void {
  if (expiresAtMs > server.nowMs) database.put(key, value, expiresAtMs);
  else database.delete(key);
}

function setWithTtl(unit: 'EX' | 'PX', command: string): CommandSpec['run'] {
  return (session, argv) => {
    const [key, text, value] = argv.slice(1) as [string, string, string];
    session.database.put(key, value, expiryTime(session, { unit, text }, command));
    return OK;
  };
}

function setIfAbsent({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  if (database.find(key) !== undefined) return 0;
  database.put(key, argv[2] as string);
  return 1;
}

function getAndExpire(session: Session, argv: readonly string[]): EngineReply {
  const { database, server } = session;
  const key = argv[1] as string;
  const word = argv[2]?.toUpperCase();
  const persists = word === 'PERSIST' && argv.length === 3;
  const isTimed = word !== undefined && isExpiryUnit(word) && argv.length === 4;
  if (argv.length > 2 && !persists && !isTimed) throw new ErrorReply(SYNTAX);
  const value = database.string(key);
  const entry = database.find(key);
  if (value === undefined || entry === undefined) return null;
  if (isTimed) {
    const atMs = expiryTime(session, { unit: word, text: argv[3] as string }, 'getex');
    database.expireAt(key, entry, atMs > server.nowMs ? atMs : server.nowMs);
  } else if (persists && entry.expiresAtMs !== NEVER) {
    database.expireAt(key, entry, NEVER);
  }
  return value;
}

function getMany({ database }: Session, argv: readonly string[]): EngineReply {
  const values: EngineReply[] = [];
  for (let index = 1; index < argv.length; index += 1) {
    const value = database.find(argv[index] as string)?.value;
    values.push(typeof value === 'string' ? value : null);
  }
  return values;
}

function setMany({ database }: Session, argv: readonly string[]): EngineReply {
  if (argv.length % 2 === 0) throw new ErrorReply("ERR wrong number of arguments for 'mset' command");
  for (let index = 1; index < argv.length; index += 2) database.put(argv[index] as string, argv[index + 1] as string);
  return OK;
}

function append({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const value = (database.string(key) ?? '') + (argv[2] as string);
  if (value.length > MAX_LENGTH) throw new ErrorReply('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  database.replace(key, value);
  return value.length;
}

function getRange({ database }: Session, argv: readonly string[]): EngineReply {
  const [start, end] = [integerArg(argv[2] as string), integerArg(argv[3] as string)];
  const value = database.string(argv[1] as string) ?? '';
  if (start < 0 && end < 0 && start > end) return '';
  const from = start < 0 ? Math.max(value.length + start, 0) : start;
  const to = end < 0 ? Math.max(value.length + end, 0) : end;
  return value.slice(from, to + 1);
}

function setRange({ database }: Session, argv: readonly string[]): EngineReply {
  const [key, offsetText, patch] = argv.slice(1) as [string, string, string];
  const offset = integerArg(offsetText);
  if (offset < 0) throw new ErrorReply('ERR offset is out of range');
  const value = database.string(key) ?? '';
  if (patch === '') return value.length;
  if (offset + patch.length > MAX_LENGTH)
    throw new ErrorReply('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  const changed = value.padEnd(offset, '\0').slice(0, offset) + patch + value.slice(offset + patch.length);
  database.replace(key, changed);
  return changed.length;
}

function increment({ database }: Session, key: string, byText: string): EngineReply {
  const by = shortInteger(byText);
  const step = by ?? parseInt64(byText);
  if (step === undefined) throw new ErrorReply(NOT_INTEGER);
  const currentText = database.string(key) ?? '0';
  const current = shortInteger(currentText);
  if (current !== undefined && by !== undefined) {
    database.replace(key, String(current + by));
    return current + by;
  }
  const value = parseInt64(currentText);
  if (value === undefined) throw new ErrorReply(NOT_INTEGER);
  const sum = value + BigInt(step);
  if (!fitsInt64(sum)) throw new ErrorReply('ERR increment or decrement would overflow');
  database.replace(key, String(sum));
  return Number(sum);
}

function decrementBy(session: Session, argv: readonly string[]): EngineReply {
  const by = parseInt64(argv[2] as string);
  if (by === undefined) throw new ErrorReply(NOT_INTEGER);
  if (!fitsInt64(-by)) throw new ErrorReply('ERR decrement would overflow');
  return increment(session, argv[1] as string, String(-by));
}

function incrementByFloat({ database }: Session, argv: readonly string[]): EngineReply {
  const [key, by] = argv.slice(1) as [string, string];
  const current = database.string(key) ?? '0';
  if (parseFloatText(current) === undefined || parseFloatText(by) === undefined) throw new ErrorReply(NOT_FLOAT);
  const sum = addExtended(current, by);
  if (sum === undefined) throw new ErrorReply('ERR increment would produce NaN or Infinity');
  database.replace(key, sum);
  return sum;
}

export const STRING_COMMANDS: readonly CommandSpec[] = [
  read('GET', 2, ({ database }, argv) => database.string(argv[1] as string) ?? null),
  write('SET', -3, set),
  write('SETNX', 3, setIfAbsent),
  write('SETEX', 4, setWithTtl('EX', 'setex')),
  write('PSETEX', 4, setWithTtl('PX', 'psetex')),
  write('GETSET', 3, ({ database }, argv) => {
    const old = database.string(argv[1] as string) ?? null;
    database.put(argv[1] as string, argv[2] as string);
    return old;
  }),
  write('GETDEL', 2, ({ database }, argv) => {
    const old = database.string(argv[1] as string) ?? null;
    database.delete(argv[1] as string);
    return old;
  }),
  write('GETEX', -2, getAndExpire),
  define('MGET', { arity: -2, flags: ['readonly'], keys: ALL_KEYS }, getMany),
  define('MSET', { arity: -3, flags: ['write'], keys: [1, -1, 2] }, setMany),
  write('APPEND', 3, append),
  read('STRLEN', 2, ({ database }, argv) => database.string(argv[1] as string)?.length ?? 0),
  read('GETRANGE', 4, getRange),
  write('SETRANGE', 4, setRange),
  write('INCR', 2, (session, argv) => increment(session, argv[1] as string, '1')),
  write('DECR', 2, (session, argv) => increment(session, argv[1] as string, '-1')),
  write('INCRBY', 3, (session, argv) => increment(session, argv[1] as string, argv[2] as string)),
  write('DECRBY', 3, decrementBy),
  write('INCRBYFLOAT', 3, incrementByFloat),
];
