import { floatArg, integerArg } from '../number.js';
import { Double, type EngineReply, ErrorReply, SYNTAX } from '../reply.js';
import type { CommandSpec, Session } from '../server.js';
import { SortedSet } from '../sorted-set.js';
import { read, write } from './define.js';
import { span } from './lists.js';
import { range, rangeByScore, ranksWithin, scoreBounds, scoredReply } from './sorted-set-range.js';

const ADD_FLAGS = ['NX', 'XX', 'GT', 'LT', 'CH', 'INCR'] as const;
type AddFlag = (typeof ADD_FLAGS)[number];

function addFlags(argv: readonly string[]): { flags: ReadonlySet<AddFlag>; from: number } {
  const flags = new Set<AddFlag>();
  let from = 2;
  for (; from < argv.length; from += 1) {
    const word = argv[from]?.toUpperCase() as AddFlag;
    if (!ADD_FLAGS.includes(word)) break;
    flags.add(word);
  }
  return { flags, from };
}

function checkAddFlags(flags: ReadonlySet<AddFlag>, words: number): void {
  if (words === 0 || words % 2 !== 0) throw new ErrorReply(SYNTAX);
  if (flags.has('NX') && flags.has('XX'))
    throw new ErrorReply('ERR XX and NX options at the same time are not compatible');
  if ([flags.has('GT'), flags.has('LT'), flags.has('NX')].filter(Boolean).length > 1) {
    throw new ErrorReply('ERR GT, LT, and/or NX options at the same time are not compatible');
  }
  if (flags.has('INCR') && words > 2) throw new ErrorReply('ERR INCR option supports a single increment-element pair');
}

/** The score that a member gets, or undefined when the flags leave it as it is. */
function nextScore(flags: ReadonlySet<AddFlag>, previous: number | undefined, given: number): number | undefined {
  if (flags.has(previous === undefined ? 'XX' : 'NX')) return undefined;
  const score = flags.has('INCR') ? (previous ?? 0) + given : given;
  if (Number.isNaN(score)) throw new ErrorReply('ERR resulting score is not a number (NaN)');
  if (previous === undefined) return score;
  if ((flags.has('GT') && score <= previous) || (flags.has('LT') && score >= previous)) return undefined;
  return score;
}

function add({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const { flags, from } = addFlags(argv);
  checkAddFlags(flags, argv.length - from);
  const scores: number[] = [];
  for (let index = from; index < argv.length; index += 2) scores.push(floatArg(argv[index] as string));
  const existing = database.sortedSet(key);
  const set = existing ?? new SortedSet();
  let added = 0;
  let updated = 0;
  let result: number | undefined;
  for (const [index, given] of scores.entries()) {
    const member = argv[from + index * 2 + 1] as string;
    const previous = set.score(member);
    const score = nextScore(flags, previous, given);
    result = score;
    if (score === undefined) continue;
    if (previous === undefined) added += 1;
    else if (previous !== score) updated += 1;
    set.set(member, score);
  }
  if (added + updated > 0) {
    if (existing === undefined) database.create(key, set);
    database.changed(key, set.size);
  }
  if (flags.has('INCR')) return result === undefined ? null : new Double(result);
  return flags.has('CH') ? added + updated : added;
}

function incrementScore({ database }: Session, argv: readonly string[]): EngineReply {
  const [key, byText, member] = argv.slice(1) as [string, string, string];
  const by = floatArg(byText);
  const existing = database.sortedSet(key);
  const previous = existing?.score(member);
  const score = (previous ?? 0) + by;
  if (Number.isNaN(score)) throw new ErrorReply('ERR resulting score is not a number (NaN)');
  if (score === previous) return new Double(score);
  const set = existing ?? database.create(key, new SortedSet());
  set.set(member, score);
  database.changed(key, set.size);
  return new Double(score);
}

function remove({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const set = database.sortedSet(key);
  if (set === undefined) return 0;
  let count = 0;
  for (let index = 2; index < argv.length; index += 1) if (set.delete(argv[index] as string)) count += 1;
  if (count > 0) database.changed(key, set.size);
  return count;
}

function scoreOf({ database }: Session, argv: readonly string[]): EngineReply {
  const value = database.sortedSet(argv[1] as string)?.score(argv[2] as string);
  return value === undefined ? null : new Double(value);
}

function rank({ database }: Session, argv: readonly string[]): EngineReply {
  const withScore = argv[3]?.toUpperCase();
  if (argv.length > 4 || (withScore !== undefined && withScore !== 'WITHSCORE')) throw new ErrorReply(SYNTAX);
  const set = database.sortedSet(argv[1] as string);
  const place = set?.rank(argv[2] as string);
  if (set === undefined || place === undefined) return null;
  return withScore === undefined ? place : [place, new Double(set.score(argv[2] as string) as number)];
}

function pop(end: 'lowest' | 'highest') {
  return ({ database }: Session, argv: readonly string[]): EngineReply => {
    if (argv.length > 3) throw new ErrorReply(SYNTAX);
    const key = argv[1] as string;
    const count = argv[2] === undefined ? 1 : integerArg(argv[2], 'ERR value is out of range, must be positive');
    if (count < 0) throw new ErrorReply('ERR value is out of range, must be positive');
    const set = database.sortedSet(key);
    if (set === undefined) return [];
    const popped = end === 'lowest' ? set.remove(0, count) : set.remove(set.size - count, set.size).toReversed();
    if (popped.length > 0) database.changed(key, set.size);
    return scoredReply(popped, argv[2] !== undefined);
  };
}

function removeByRank({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const [startText, endText] = argv.slice(2) as [string, string];
  const set = database.sortedSet(key);
  const [start, end] = span(set?.size ?? 0, startText, endText);
  const removed = set?.remove(start, end).length ?? 0;
  if (set !== undefined && removed > 0) database.changed(key, set.size);
  return removed;
}

function removeByScore({ database }: Session, argv: readonly string[]): EngineReply {
  const key = argv[1] as string;
  const bounds = scoreBounds(argv[2] as string, argv[3] as string);
  const set = database.sortedSet(key);
  if (set === undefined) return 0;
  const removed = set.remove(...ranksWithin(set, bounds)).length;
  if (removed > 0) database.changed(key, set.size);
  return removed;
}

function countWithin({ database }: Session, argv: readonly string[]): EngineReply {
  const bounds = scoreBounds(argv[2] as string, argv[3] as string);
  const set = database.sortedSet(argv[1] as string);
  if (set === undefined) return 0;
  const [start, end] = ranksWithin(set, bounds);
  return Math.max(end - start, 0);
}

export const SORTED_SET_COMMANDS: readonly CommandSpec[] = [
  write('ZADD', -4, add),
  write('ZINCRBY', 4, incrementScore),
  write('ZREM', -3, remove),
  read('ZSCORE', 3, scoreOf),
  read('ZCARD', 2, ({ database }, argv) => database.sortedSet(argv[1] as string)?.size ?? 0),
  read('ZRANK', -3, rank),
  read('ZCOUNT', 4, countWithin),
  read('ZRANGE', -4, range),
  read('ZRANGEBYSCORE', -4, rangeByScore),
  write('ZREMRANGEBYSCORE', 4, removeByScore),
  write('ZREMRANGEBYRANK', 4, removeByRank),
  write('ZPOPMIN', -2, pop('lowest')),
  write('ZPOPMAX', -2, pop('highest')),
];
