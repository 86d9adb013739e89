import { integerArg, parseFloatText } from '../number.js';
import { Double, type EngineReply, ErrorReply, PairsReply, SYNTAX } from '../reply.js';
import type { Session } from '../server.js';
import type { Scored, SortedSet } from '../sorted-set.js';
import { span } from './lists.js';

interface Bound {
  readonly score: number;
  readonly isExclusive: boolean;
}

function scoreBound(text: string): Bound {
  const isExclusive = text.startsWith('(');
  const score = parseFloatText(isExclusive ? text.slice(1) : text);
  if (score === undefined) throw new ErrorReply('ERR min or max is not a float');
  return { score, isExclusive };
}

export function scoreBounds(min: string, max: string): { min: Bound; max: Bound } {
  return { min: scoreBound(min), max: scoreBound(max) };
}

/** The ranks of what lies within the bounds: from the first to before the second. */
export function ranksWithin(set: SortedSet, { min, max }: { min: Bound; max: Bound }): [number, number] {
  return [set.countBelow(min.score, min.isExclusive), set.countBelow(max.score, !max.isExclusive)];
}

/** Members, with their scores as pairs if asked for. A single pop gives its pair flat. */
export function scoredReply(items: readonly Scored[], asPairs: boolean): EngineReply {
  const flat: EngineReply[] = [];
  for (const { member, score } of items) flat.push(member, new Double(score));
  return asPairs ? new PairsReply(flat) : flat;
}

interface RangeOptions {
  byScore: boolean;
  reversed: boolean;
  withScores: boolean;
  limit: { offset: number; count: number } | undefined;
}

function rangeOptions(words: readonly string[], isZrange: boolean): RangeOptions {
  const options: RangeOptions = { byScore: !isZrange, reversed: false, withScores: false, limit: undefined };
  for (let index = 0; index < words.length; index += 1) {
    const word = (words[index] as string).toUpperCase();
    if (word === 'WITHSCORES') options.withScores = true;
    else if (word === 'BYSCORE' && isZrange) options.byScore = true;
    else if (word === 'REV' && isZrange) options.reversed = true;
    else if (word === 'LIMIT' && index + 2 < words.length) {
      options.limit = { offset: integerArg(words[index + 1] as string), count: integerArg(words[index + 2] as string) };
      index += 2;
    } else throw new ErrorReply(SYNTAX);
  }
  if (options.limit !== undefined && !options.byScore) {
    throw new ErrorReply('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  }
  return options;
}

export function range(session: Session, argv: readonly string[]): EngineReply {
  return select(session, argv, rangeOptions(argv.slice(4), true));
}

export function rangeByScore(session: Session, argv: readonly string[]): EngineReply {
  return select(session, argv, rangeOptions(argv.slice(4), false));
}

function select({ database }: Session, argv: readonly string[], options: RangeOptions): EngineReply {
  const [key, from, to] = argv.slice(1) as [string, string, string];
  const items = options.byScore
    ? selectByScore(() => database.sortedSet(key), [from, to], options)
    : selectByRank(() => database.sortedSet(key), [from, to], options);
  return options.withScores ? scoredReply(items, true) : items.map(({ member }) => member);
}

/** Arguments are checked before the key is looked at, as on a server. */
type Find = () => SortedSet | undefined;

function selectByRank(find: Find, [from, to]: readonly [string, string], { reversed }: RangeOptions): Scored[] {
  span(0, from, to);
  const set = find();
  if (set === undefined) return [];
  const [start, end] = span(set.size, from, to);
  if (start >= end) return [];
  return reversed ? set.slice(set.size - end, set.size - start).toReversed() : set.slice(start, end);
}

function selectByScore(find: Find, [from, to]: readonly [string, string], { reversed, limit }: RangeOptions): Scored[] {
  const bounds = reversed ? scoreBounds(to, from) : scoreBounds(from, to);
  const set = find();
  if (set === undefined) return [];
  const items = set.slice(...ranksWithin(set, bounds));
  if (reversed) items.reverse();
  if (limit === undefined) return items;
  if (limit.offset < 0) return [];
  return items.slice(limit.offset, limit.count < 0 ? undefined : limit.offset + limit.count);
}
