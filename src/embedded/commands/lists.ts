import { Waiter } from '../blocking.js';
import { List } from '../list.js';
import { floatArg, integerArg } from '../number.js';
import { type EngineReply, ErrorReply, OK, SYNTAX } from '../reply.js';
import type { CommandSpec, RunCommand, Session } from '../server.js';
import { define, read, write } from './define.js';

type End = 'head' | 'tail';

function push(end: End): RunCommand {
  return ({ database }, argv) => {
    const key = argv[1] as string;
    const list = database.list(key) ?? database.create(key, new List());
    for (let index = 2; index < argv.length; index += 1) {
      if (end === 'head') list.unshift(argv[index] as string);
      else list.push(argv[index] as string);
    }
    // whoever waits for the list may empty it at once: the reply is its length as the push left it
    const { length } = list;
    database.changed(key, length);
    return length;
  };
}

function take(list: List, end: End): string | undefined {
  return end === 'head' ? list.shift() : list.pop();
}

function pop(end: End): RunCommand {
  return ({ database }, argv) => {
    if (argv.length > 3)
      throw new ErrorReply(`ERR wrong number of arguments for '${end === 'head' ? 'lpop' : 'rpop'}' command`);
    const key = argv[1] as string;
    const count =
      argv[2] === undefined ? undefined : integerArg(argv[2], 'ERR value is out of range, must be positive');
    if (count !== undefined && count < 0) throw new ErrorReply('ERR value is out of range, must be positive');
    const list = database.list(key);
    if (list === undefined) return null;
    const items: string[] = [];
    while (items.length < (count ?? 1) && list.length > 0) items.push(take(list, end) as string);
    if (items.length > 0) database.changed(key, list.length);
    return count === undefined ? (items[0] ?? null) : items;
  };
}

function blockingPop(end: End): RunCommand {
  return (session, argv) => {
    const timeout = floatArg(argv.at(-1) as string, 'ERR timeout is not a float or out of range');
    if (timeout < 0) throw new ErrorReply('ERR timeout is negative');
    if (!Number.isFinite(timeout)) throw new ErrorReply('ERR timeout is out of range');
    const keys = argv.slice(1, -1);
    const { database } = session;
    const popFirst = (find: (key: string) => List | undefined): EngineReply | undefined => {
      for (const key of keys) {
        const list = find(key);
        if (list === undefined) continue;
        const item = take(list, end) as string;
        database.changed(key, list.length);
        return [key, item];
      }
      return undefined;
    };
    const reply = popFirst((key) => database.list(key));
    if (reply !== undefined) return reply;
    if (session.isAtomic) return null;
    const timeoutMs = timeout === 0 ? undefined : Math.ceil(timeout * 1000);
    // a key of another type that appears meanwhile is no answer: the wait goes on
    const listOnly = (key: string): List | undefined => {
      const value = database.find(key)?.value;
      return value instanceof List ? value : undefined;
    };
    return new Waiter({ database, keys, timeoutMs }, () => popFirst(listOnly));
  };
}

/** Turns inclusive ends that may count from the back into `start` and `end` before which to stop. */
export function span(length: number, startText: string, endText: string): [number, number] {
  const [start, end] = [integerArg(startText), integerArg(endText)];
  const from = start < 0 ? Math.max(length + start, 0) : start;
  const to = end < 0 ? length + end : Math.min(end, length - 1);
  return [from, Math.max(to + 1, 0)];
}

function range({ database }: Session, argv: readonly string[]): EngineReply {
  const list = database.list(argv[1] as string);
  const [start, end] = span(list?.length ?? 0, argv[2] as string, argv[3] as string);
  return list?.slice(start, end) ?? [];
}

function trim({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const list = database.list(key);
  const [start, end] = span(list?.length ?? 0, argv[2] as string, argv[3] as string);
  if (list === undefined) return OK;
  list.assign(list.slice(start, end));
  database.changed(key, list.length);
  return OK;
}

function setItem({ database }: Session, argv: readonly string[]): EngineReply {
  const [key, indexText, item] = argv.slice(1) as [string, string, string];
  const list = database.list(key);
  if (list === undefined) throw new ErrorReply('ERR no such key');
  if (!list.replace(integerArg(indexText), item)) throw new ErrorReply('ERR index out of range');
  database.changed(key, list.length);
  return OK;
}

function removeItems({ database }: Session, argv: readonly string[]): EngineReply {
  const [key, countText, item] = argv.slice(1) as [string, string, string];
  const count = integerArg(countText);
  const list = database.list(key);
  if (list === undefined) return 0;
  const items = count < 0 ? list.toArray().toReversed() : list.toArray();
  const limit = count === 0 ? Infinity : Math.abs(count);
  let removed = 0;
  const kept = items.filter((candidate) => {
    if (candidate !== item || removed >= limit) return true;
    removed += 1;
    return false;
  });
  if (removed === 0) return 0;
  list.assign(count < 0 ? kept.toReversed() : kept);
  database.changed(key, list.length);
  return removed;
}

interface PositionOptions {
  rank: number;
  count: number | undefined;
  maxLength: number;
}

function positionOptions(words: readonly string[]): PositionOptions {
  const options: PositionOptions = { rank: 1, count: undefined, maxLength: 0 };
  for (let index = 0; index < words.length; index += 2) {
    const value = words[index + 1];
    if (value === undefined) throw new ErrorReply(SYNTAX);
    const number = integerArg(value);
    const word = (words[index] as string).toUpperCase();
    if (word === 'RANK') options.rank = number;
    else if (word === 'COUNT') options.count = number;
    else if (word === 'MAXLEN') options.maxLength = number;
    else throw new ErrorReply(SYNTAX);
  }
  if (options.rank === 0)
    throw new ErrorReply(
      "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
    );
  if ((options.count ?? 0) < 0) throw new ErrorReply("ERR COUNT can't be negative");
  if (options.maxLength < 0) throw new ErrorReply("ERR MAXLEN can't be negative");
  return options;
}

function positions({ database }: Session, argv: readonly string[]): EngineReply {
  const item = argv[2] as string;
  const { rank, count, maxLength } = positionOptions(argv.slice(3));
  const items = database.list(argv[1] as string)?.toArray() ?? [];
  const limit = maxLength === 0 ? items.length : Math.min(maxLength, items.length);
  const wanted = count === 0 ? Infinity : (count ?? 1);
  const found: number[] = [];
  let toSkip = Math.abs(rank) - 1;
  for (let step = 0; step < limit && found.length < wanted; step += 1) {
    const index = rank > 0 ? step : items.length - 1 - step;
    if (items[index] !== item) continue;
    if (toSkip > 0) toSkip -= 1;
    else found.push(index);
  }
  return count === undefined ? (found[0] ?? null) : found;
}

export const LIST_COMMANDS: readonly CommandSpec[] = [
  write('LPUSH', -3, push('head')),
  write('RPUSH', -3, push('tail')),
  write('LPOP', -2, pop('head')),
  write('RPOP', -2, pop('tail')),
  read('LLEN', 2, ({ database }, argv) => database.list(argv[1] as string)?.length ?? 0),
  read('LRANGE', 4, range),
  read('LINDEX', 3, ({ database }, argv) => {
    const index = integerArg(argv[2] as string);
    return database.list(argv[1] as string)?.at(index) ?? null;
  }),
  write('LREM', 4, removeItems),
  read('LPOS', -3, positions),
  write('LTRIM', 4, trim),
  write('LSET', 4, setItem),
  define('BLPOP', { arity: -3, flags: ['write', 'blocking'], keys: [1, -2, 1] }, blockingPop('head')),
  define('BRPOP', { arity: -3, flags: ['write', 'blocking'], keys: [1, -2, 1] }, blockingPop('tail')),
];
