import { numberToString } from '../number.js';
import { LuaFault, type LuaFunction, LuaTable, type LuaValue, first, typeName } from '../value.js';
import { type Arguments, library } from './arguments.js';
import { format } from './format.js';
import { PatternMatch } from './pattern.js';

const MAX_LENGTH = 512 * 1024 * 1024;
const SPECIALS = /[\^$*+?.([%-]/;

export function stringLibrary(): LuaTable {
  return library({
    byte: (args) => {
      const text = args.string(0);
      const start = place(args.integer(1, 1), text.length);
      const from = Math.max(start, 1);
      const to = Math.min(place(args.integer(2, start), text.length), text.length);
      const codes: number[] = [];
      for (let index = from; index <= to; index += 1) codes.push(text.charCodeAt(index - 1));
      return codes;
    },
    char: (args) =>
      String.fromCharCode(
        ...args.values.map((_, index) => {
          const code = args.integer(index);
          return code >= 0 && code <= 255 ? code : args.fail(index, 'invalid value');
        }),
      ),
    find: (args) => find(args, true),
    format,
    gmatch,
    gsub,
    len: (args) => args.string(0).length,
    lower: (args) => args.string(0).replace(/[A-Z]+/g, (text) => text.toLowerCase()),
    match: (args) => find(args, false),
    rep: (args) => {
      const [text, count] = [args.string(0), Math.max(args.integer(1), 0)];
      if (text.length * count > MAX_LENGTH) throw new LuaFault('resulting string too large');
      return text.repeat(count);
    },
    reverse: (args) => {
      const text = args.string(0);
      let reversed = '';
      for (let index = text.length - 1; index >= 0; index -= 1) reversed += text.charAt(index);
      return reversed;
    },
    sub: (args) => {
      const text = args.string(0);
      const from = Math.max(place(args.integer(1), text.length), 1);
      const to = Math.min(place(args.integer(2, -1), text.length), text.length);
      return from > to ? '' : text.slice(from - 1, to);
    },
    upper: (args) => args.string(0).replace(/[a-z]+/g, (text) => text.toUpperCase()),
  });
}

/** A position that may count from the end, as one that counts from the start. */
function place(position: number, length: number): number {
  if (position >= 0) return position;
  return Math.max(position + length + 1, 0);
}

/** `find` gives the place of the match, then its captures; `match` gives the captures, or the whole match. */
function find(args: Arguments, wantsPlace: boolean): LuaValue | LuaValue[] {
  const [source, pattern] = [args.string(0), args.string(1)];
  const start = Math.min(Math.max(place(args.integer(2, 1), source.length) - 1, 0), source.length);
  const isPlain = args.values[3] !== undefined && args.values[3] !== false;
  if (wantsPlace && (isPlain || !SPECIALS.test(pattern))) {
    const found = source.indexOf(pattern, start);
    return found === -1 ? undefined : [found + 1, found + pattern.length];
  }
  const isAnchored = pattern.startsWith('^');
  const match = new PatternMatch(source, pattern);
  for (let from = start; from <= source.length; from += 1) {
    const end = match.at(from, isAnchored ? 1 : 0);
    if (end !== -1) {
      if (!wantsPlace) return match.values(from, end);
      return [from + 1, end, ...(match.captures.length === 0 ? [] : match.values(from, end))];
    }
    if (isAnchored) break;
  }
  return undefined;
}

function gmatch(args: Arguments): LuaFunction {
  const [source, pattern] = [args.string(0), args.string(1)];
  const match = new PatternMatch(source, pattern);
  let from = 0;
  return () => {
    for (; from <= source.length; from += 1) {
      const start = from;
      const end = match.at(start, 0);
      if (end === -1) continue;
      from = end === start ? end + 1 : end;
      return match.values(start, end);
    }
    return undefined;
  };
}

function gsub(args: Arguments): LuaValue[] {
  const [source, pattern] = [args.string(0), args.string(1)];
  const limit = args.integer(3, source.length + 1);
  const replace = replacer(args);
  const isAnchored = pattern.startsWith('^');
  const match = new PatternMatch(source, pattern);
  let result = '';
  let count = 0;
  let at = 0;
  while (count < limit) {
    const end = match.at(at, isAnchored ? 1 : 0);
    if (end !== -1) {
      count += 1;
      result += replace(match, at, end);
    }
    if (end !== -1 && end > at) {
      at = end;
    } else if (at < source.length) {
      result += source.charAt(at);
      at += 1;
    } else {
      break;
    }
    if (isAnchored) break;
  }
  return [result + source.slice(at), count];
}

type Replace = (match: PatternMatch, start: number, end: number) => string;

/** What the third argument of `gsub` puts in place of a match: a template, a look-up or the result of a function. */
function replacer(args: Arguments): Replace {
  const source = args.string(0);
  const replacement = args.values[2];
  if (typeof replacement === 'string' || typeof replacement === 'number') {
    const template = args.string(2);
    return (match, start, end) => expand(template, (index) => match.value(index, start, end), source.slice(start, end));
  }
  if (!(replacement instanceof LuaTable) && typeof replacement !== 'function') {
    return args.fail(2, 'string/function/table expected');
  }
  return (match, start, end) => {
    const value =
      replacement instanceof LuaTable
        ? replacement.get(match.value(0, start, end))
        : first(replacement(match.values(start, end)));
    if (value === undefined || value === false) return source.slice(start, end);
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return numberToString(value);
    throw new LuaFault(`invalid replacement value (a ${typeName(value)})`);
  };
}

function expand(template: string, capture: (index: number) => string | number, whole: string): string {
  return template.replace(/%(.?)/gs, (_, char: string) => {
    if (char === '0') return whole;
    if (char < '1' || char > '9') return char;
    const value = capture(Number(char) - 1);
    return typeof value === 'number' ? numberToString(value) : value;
  });
}
