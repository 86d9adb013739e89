import { globMatches } from '../glob.js';
import { type Entry, NEVER, type Value } from '../keyspace.js';
import { List } from '../list.js';
import { integerArg } from '../number.js';
import { type EngineReply, ErrorReply, OK, Status, SYNTAX } from '../reply.js';
import type { CommandSpec, RunCommand, Session } from '../server.js';
import { ALL_KEYS, define, NO_KEYS, read, write } from './define.js';
import { remainingMs } from './expiry.js';

function deleteAll({ database }: Session, argv: readonly string[]): EngineReply {
  let count = 0;
  for (let index = 1; index < argv.length; index += 1) if (database.delete(argv[index] as string)) count += 1;
  return count;
}

function countExisting({ database }: Session, argv: readonly string[]): EngineReply {
  let count = 0;
  for (let index = 1; index < argv.length; index += 1)
    if (database.find(argv[index] as string) !== undefined) count += 1;
  return count;
}

function typeOfValue(value: Value | undefined): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return 'string';
  if (value instanceof Map) return 'hash';
  if (value instanceof Set) return 'set';
  return value instanceof List ? 'list' : 'zset';
}

type Condition = 'NX' | 'XX' | 'GT' | 'LT';

function expireConditions(words: readonly string[]): ReadonlySet<string> {
  const conditions = new Set(words.map((word) => word.toUpperCase()));
  for (const word of conditions) {
    if (!['NX', 'XX', 'GT', 'LT'].includes(word)) throw new ErrorReply(`ERR Unsupported option ${word}`);
  }
  if (conditions.has('NX') && conditions.size > 1) {
    throw new ErrorReply('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (conditions.has('GT') && conditions.has('LT')) {
    throw new ErrorReply('ERR GT and LT options at the same time are not compatible');
  }
  return conditions;
}

/** Without an expiry a key counts as living for ever, which no time is greater than. */
const CONDITIONS: Readonly<Record<Condition, (entry: Entry, atMs: number) => boolean>> = {
  NX: ({ expiresAtMs }) => expiresAtMs === NEVER,
  XX: ({ expiresAtMs }) => expiresAtMs !== NEVER,
  GT: ({ expiresAtMs }, atMs) => atMs > expiresAtMs,
  LT: ({ expiresAtMs }, atMs) => atMs < expiresAtMs,
};

function expire(command: string, scale: number, isAbsolute: boolean): RunCommand {
  return ({ database, server }, argv) => {
    const amount = integerArg(argv[2] as string);
    const conditions = expireConditions(argv.slice(3));
    const atMs = amount * scale + (isAbsolute ? 0 : server.nowMs);
    if (Math.abs(amount * scale) >= 2 ** 63 || Math.abs(atMs) >= 2 ** 63) {
      throw new ErrorReply(`ERR invalid expire time in '${command}' command`);
    }
    const key = argv[1] as string;
    const entry = database.find(key);
    if (entry === undefined) return 0;
    for (const condition of conditions) if (!CONDITIONS[condition as Condition](entry, atMs)) return 0;
    database.expireAt(key, entry, atMs);
    return 1;
  };
}

function timeToLive(scale: number, isAbsolute: boolean): RunCommand {
  return (session, argv) => {
    const entry = session.database.find(argv[1] as string);
    if (entry === undefined) return -2;
    if (entry.expiresAtMs === NEVER) return -1;
    const ms = isAbsolute ? entry.expiresAtMs : remainingMs(session, entry.expiresAtMs);
    return Math.floor((ms + (scale === 1 ? 0 : 500)) / scale);
  };
}

function persist({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const entry = database.find(key);
  if (entry === undefined || entry.expiresAtMs === NEVER) return 0;
  database.expireAt(key, entry, NEVER);
  return 1;
}

function rename({ database }: Session, argv: readonly string[]): EngineReply {
  const [from, to] = argv.slice(1) as [string, string];
  const entry = database.find(from);
  if (entry === undefined) throw new ErrorReply('ERR no such key');
  if (from === to) return OK;
  database.delete(from);
  database.delete(to);
  database.put(to, entry.value, entry.expiresAtMs);
  return OK;
}

interface ScanOptions {
  readonly match: string | undefined;
  readonly count: number;
  readonly type: string | undefined;
}

/** The words after the cursor of a `SCAN` command. */
export function scanOptions(words: readonly string[], allowsType: boolean): ScanOptions {
  let match: string | undefined;
  let count = 10;
  let type: string | undefined;
  for (let index = 0; index < words.length; index += 2) {
    const word = (words[index] as string).toUpperCase();
    const value = words[index + 1];
    if (value === undefined) throw new ErrorReply(SYNTAX);
    if (word === 'MATCH') match = value;
    else if (word === 'COUNT') count = integerArg(value);
    else if (word === 'TYPE' && allowsType) type = value.toLowerCase();
    else throw new ErrorReply(SYNTAX);
  }
  if (count < 1) throw new ErrorReply(SYNTAX);
  return { match, count, type };
}

export function cursorArg(text: string): number {
  if (!/^\d{1,20}$/.test(text)) throw new ErrorReply('ERR invalid cursor');
  return Number(text);
}

function scan({ database }: Session, argv: readonly string[]): EngineReply {
  const cursor = cursorArg(argv[1] as string);
  const { match, count, type } = scanOptions(argv.slice(2), true);
  const page = database.scan(cursor, count);
  const keys = page.keys.filter(
    (key) =>
      (match === undefined || globMatches(match, key)) &&
      (type === undefined || typeOfValue(database.find(key)?.value) === type),
  );
  return [String(page.cursor), keys];
}

function randomKey({ database, server }: Session): EngineReply {
  const keys = database.keys();
  return keys[Math.floor(server.random.uniform() * keys.length)] ?? null;
}

export const KEY_COMMANDS: readonly CommandSpec[] = [
  define('DEL', { arity: -2, flags: ['write'], keys: ALL_KEYS }, deleteAll),
  define('UNLINK', { arity: -2, flags: ['write'], keys: ALL_KEYS }, deleteAll),
  define('EXISTS', { arity: -2, flags: ['readonly'], keys: ALL_KEYS }, countExisting),
  define('TOUCH', { arity: -2, flags: ['readonly'], keys: ALL_KEYS }, countExisting),
  read('TYPE', 2, ({ database }, argv) => new Status(typeOfValue(database.find(argv[1] as string)?.value))),
  write('EXPIRE', -3, expire('expire', 1000, false)),
  write('PEXPIRE', -3, expire('pexpire', 1, false)),
  write('EXPIREAT', -3, expire('expireat', 1000, true)),
  write('PEXPIREAT', -3, expire('pexpireat', 1, true)),
  read('TTL', 2, timeToLive(1000, false)),
  read('PTTL', 2, timeToLive(1, false)),
  read('EXPIRETIME', 2, timeToLive(1000, true)),
  read('PEXPIRETIME', 2, timeToLive(1, true)),
  write('PERSIST', 2, persist),
  define('RENAME', { arity: 3, flags: ['write'], keys: [1, 2, 1] }, rename),
  define('KEYS', { arity: 2, flags: ['readonly'], keys: NO_KEYS }, ({ database }, argv) =>
    database.keys().filter((key) => globMatches(argv[1] as string, key)),
  ),
  define('SCAN', { arity: -2, flags: ['readonly'], keys: NO_KEYS }, scan),
  define('RANDOMKEY', { arity: 1, flags: ['readonly'], keys: NO_KEYS }, randomKey),
];
