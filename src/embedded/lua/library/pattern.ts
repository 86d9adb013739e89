import { LuaFault } from '../value.js';

/** A capture: text from `start`, or with `length` `POSITION` the position itself. */
interface Capture {
  readonly start: number;
  length: number;
}

const UNCLOSED = -1;
const POSITION = -2;
const MAX_CAPTURES = 32;
const MAX_DEPTH = 200;

/** Lua's own pattern matching: one attempt to match `pattern` in `source`, after the reference implementation. */
export class PatternMatch {
  captures: Capture[] = [];
  readonly #source: string;
  readonly #pattern: string;
  #depth = 0;

  constructor(source: string, pattern: string) {
    this.#source = source;
    this.#pattern = pattern;
  }

  /** The end of a match that begins at `start`, or -1. `from` is where the pattern begins. */
  at(start: number, from: number): number {
    this.captures = [];
    this.#depth = 0;
    return this.#match(start, from);
  }

  /** The value of a capture; the whole match when the pattern has none. */
  value(index: number, start: number, end: number): string | number {
    const capture = this.captures[index];
    if (capture === undefined) {
      if (index !== 0) throw new LuaFault('invalid capture index');
      return this.#source.slice(start, end);
    }
    if (capture.length === POSITION) return capture.start + 1;
    if (capture.length === UNCLOSED) throw new LuaFault('unfinished capture');
    return this.#source.substr(capture.start, capture.length);
  }

  values(start: number, end: number): (string | number)[] {
    const count = Math.max(this.captures.length, 1);
    return Array.from({ length: count }, (_, index) => this.value(index, start, end));
  }

  #match(start: number, from: number): number {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new LuaFault('pattern too complex');
    try {
      return this.#steps(start, from);
    } finally {
      this.#depth -= 1;
    }
  }

  #steps(start: number, from: number): number {
    let at = start;
    let p = from;
    for (;;) {
      if (p >= this.#pattern.length) return at;
      const char = this.#pattern.charAt(p);
      if (char === '(') return this.#open(at, p);
      if (char === ')') return this.#close(at, p);
      if (char === '$' && p + 1 === this.#pattern.length) return at === this.#source.length ? at : -1;
      const next = char === '%' ? this.#pattern.charAt(p + 1) : '';
      if (next === 'b' || next === 'f' || (next >= '0' && next <= '9')) {
        const moved = this.#special(at, p, next);
        if (moved === undefined) return -1;
        [at, p] = moved;
        continue;
      }
      const end = this.#classEnd(p);
      const suffix = this.#pattern.charAt(end);
      if (suffix === '?') {
        if (this.#matchesOne(at, p, end)) {
          const result = this.#match(at + 1, end + 1);
          if (result !== -1) return result;
        }
        p = end + 1;
      } else if (suffix === '*') {
        return this.#greedy({ at, p, end }, 0);
      } else if (suffix === '+') {
        return this.#greedy({ at, p, end }, 1);
      } else if (suffix === '-') {
        return this.#lazy({ at, p, end });
      } else {
        if (!this.#matchesOne(at, p, end)) return -1;
        at += 1;
        p = end;
      }
    }
  }

  #open(at: number, p: number): number {
    const isPosition = this.#pattern.charAt(p + 1) === ')';
    if (this.captures.length >= MAX_CAPTURES) throw new LuaFault('too many captures');
    const before = this.captures.length;
    this.captures.push({ start: at, length: isPosition ? POSITION : UNCLOSED });
    const result = this.#match(at, p + (isPosition ? 2 : 1));
    if (result === -1) this.captures.length = before;
    return result;
  }

  #close(at: number, p: number): number {
    const capture = this.captures.findLast((candidate) => candidate.length === UNCLOSED);
    if (capture === undefined) throw new LuaFault('invalid pattern capture');
    capture.length = at - capture.start;
    const result = this.#match(at, p + 1);
    if (result === -1) capture.length = UNCLOSED;
    return result;
  }

  /** `%b()`, `%f[set]` and `%1`: where the subject and the pattern go on, or undefined when they do not match. */
  #special(at: number, p: number, kind: string): [number, number] | undefined {
    if (kind === 'b') {
      const end = this.#balanced(at, p + 2);
      return end === -1 ? undefined : [end, p + 4];
    }
    if (kind === 'f') {
      if (this.#pattern.charAt(p + 2) !== '[') throw new LuaFault("missing '[' after '%f' in pattern");
      const end = this.#classEnd(p + 2);
      const before = at === 0 ? 0 : this.#source.charCodeAt(at - 1);
      const here = at < this.#source.length ? this.#source.charCodeAt(at) : 0;
      const isFrontier = !this.#inSet(before, p + 2, end - 1) && this.#inSet(here, p + 2, end - 1);
      return isFrontier ? [at, end] : undefined;
    }
    const capture = this.captures[Number(kind) - 1];
    if (capture === undefined || capture.length === UNCLOSED) throw new LuaFault('invalid capture index');
    const text = this.#source.substr(capture.start, Math.max(capture.length, 0));
    return this.#source.startsWith(text, at) ? [at + text.length, p + 2] : undefined;
  }

  #balanced(at: number, p: number): number {
    if (p + 1 >= this.#pattern.length) throw new LuaFault('unbalanced pattern');
    const [open, close] = [this.#pattern.charAt(p), this.#pattern.charAt(p + 1)];
    if (this.#source.charAt(at) !== open || at >= this.#source.length) return -1;
    let depth = 1;
    for (let index = at + 1; index < this.#source.length; index += 1) {
      const char = this.#source.charAt(index);
      if (char === close) {
        depth -= 1;
        if (depth === 0) return index + 1;
      } else if (char === open) {
        depth += 1;
      }
    }
    return -1;
  }

  #greedy({ at, p, end }: { at: number; p: number; end: number }, least: number): number {
    let count = 0;
    while (this.#matchesOne(at + count, p, end)) count += 1;
    for (; count >= least; count -= 1) {
      const result = this.#match(at + count, end + 1);
      if (result !== -1) return result;
    }
    return -1;
  }

  #lazy({ at, p, end }: { at: number; p: number; end: number }): number {
    for (let from = at; ; from += 1) {
      const result = this.#match(from, end + 1);
      if (result !== -1) return result;
      if (!this.#matchesOne(from, p, end)) return -1;
    }
  }

  /** Where the single-character class that begins at `p` ends. */
  #classEnd(p: number): number {
    const char = this.#pattern.charAt(p);
    if (char === '%') {
      if (p + 1 >= this.#pattern.length) throw new LuaFault("malformed pattern (ends with '%')");
      return p + 2;
    }
    if (char !== '[') return p + 1;
    let end = p + 1;
    if (this.#pattern.charAt(end) === '^') end += 1;
    do {
      if (end >= this.#pattern.length) throw new LuaFault("malformed pattern (missing ']')");
      end += this.#pattern.charAt(end) === '%' ? 2 : 1;
    } while (this.#pattern.charAt(end) !== ']' || end >= this.#pattern.length);
    return end + 1;
  }

  #matchesOne(at: number, p: number, end: number): boolean {
    if (at >= this.#source.length) return false;
    const code = this.#source.charCodeAt(at);
    switch (this.#pattern.charAt(p)) {
      case '.':
        return true;
      case '%':
        return inClass(code, this.#pattern.charAt(p + 1));
      case '[':
        return this.#inSet(code, p, end - 1);
      default:
        return this.#pattern.charCodeAt(p) === code;
    }
  }

  /** Whether a byte is in the set from `[` at `open` to `]` at `close`. */
  #inSet(code: number, open: number, close: number): boolean {
    const isNegated = this.#pattern.charAt(open + 1) === '^';
    for (let p = open + (isNegated ? 2 : 1); p < close; p += 1) {
      if (this.#pattern.charAt(p) === '%') {
        p += 1;
        if (inClass(code, this.#pattern.charAt(p))) return !isNegated;
      } else if (this.#pattern.charAt(p + 1) === '-' && p + 2 < close) {
        if (this.#pattern.charCodeAt(p) <= code && code <= this.#pattern.charCodeAt(p + 2)) return !isNegated;
        p += 2;
      } else if (this.#pattern.charCodeAt(p) === code) {
        return !isNegated;
      }
    }
    return isNegated;
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  a: /[A-Za-z]/,
  c: /[\x00-\x1f\x7f]/,
  d: /[0-9]/,
  l: /[a-z]/,
  p: /[!-/:-@[-`{-~]/,
  s: /[ \t-\r]/,
  u: /[A-Z]/,
  w: /[A-Za-z0-9]/,
  x: /[0-9A-Fa-f]/,
  z: /\x00/,
};

function inClass(code: number, name: string): boolean {
  const expression = CLASSES[name.toLowerCase()];
  if (expression === undefined) return name.charCodeAt(0) === code;
  const isMember = expression.test(String.fromCharCode(code));
  return name === name.toLowerCase() ? isMember : !isMember;
}
