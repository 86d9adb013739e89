import { LuaError } from './value.js';
import { parseNumber } from './number.js';

export interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'symbol' | 'keyword' | 'end';
  /** The name, symbol, keyword, or the content of a string. */
  readonly text: string;
  readonly number: number;
  readonly line: number;
}

const KEYWORDS = new Set(
  'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(
    ' ',
  ),
);
const SYMBOL = /\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.]/y;
const BLANK = /[ \t\r\v\f]+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const LONG_BRACKET = /\[(=*)\[/y;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '\n',
};

/** Cuts source text into tokens. */
export class Lexer {
  readonly #source: string;
  readonly #chunk: string;
  #position = 0;
  #line = 1;

  constructor(source: string, chunk: string) {
    this.#source = source;
    this.#chunk = chunk;
  }

  next(): Token {
    this.#skipBlank();
    if (this.#position >= this.#source.length) return this.#token('end', '<eof>');
    const name = this.#match(NAME);
    if (name !== undefined) return this.#token(KEYWORDS.has(name) ? 'keyword' : 'name', name);
    const number = this.#match(NUMBER);
    if (number !== undefined) return this.#numberToken(number);
    const char = this.#source.charAt(this.#position);
    if (char === '"' || char === "'") return this.#token('string', this.#quoted(char));
    const long = this.#longBracket();
    if (long !== undefined) return this.#token('string', long);
    const symbol = this.#match(SYMBOL);
    if (symbol === undefined) return this.fail('unexpected symbol', char);
    return this.#token('symbol', symbol);
  }

  /** @throws LuaError as the compiler of Lua words it */
  fail(problem: string, near: string, line = this.#line): never {
    throw new LuaError(`${this.#chunk}:${line}: ${problem} near '${near}'`);
  }

  #token(kind: Token['kind'], text: string, number = 0): Token {
    return { kind, text, number, line: this.#line };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#position += text.length;
    return text;
  }

  #numberToken(text: string): Token {
    const value = parseNumber(text);
    const tail = this.#match(NAME);
    if (value === undefined || tail !== undefined) return this.fail('malformed number', text + (tail ?? ''));
    return this.#token('number', text, value);
  }

  #skipBlank(): void {
    for (;;) {
      this.#match(BLANK);
      if (this.#source.startsWith('\n', this.#position)) {
        this.#line += 1;
        this.#position += 1;
      } else if (this.#source.startsWith('--', this.#position)) {
        this.#position += 2;
        if (this.#longBracket() === undefined) {
          const end = this.#source.indexOf('\n', this.#position);
          this.#position = end === -1 ? this.#source.length : end;
        }
      } else {
        return;
      }
    }
  }

  /** The content of `[[…]]` or `[=[…]=]`, if one begins here. */
  #longBracket(): string | undefined {
    LONG_BRACKET.lastIndex = this.#position;
    const open = LONG_BRACKET.exec(this.#source);
    if (open === null) return undefined;
    const close = `]${open[1]}]`;
    const start = this.#position + open[0].length;
    const end = this.#source.indexOf(close, start);
    if (end === -1) return this.fail('unfinished long string', '<eof>');
    this.#position = end + close.length;
    const content = this.#source.slice(start, end).replace(/\r\n?|\n\r/g, '\n');
    this.#line += content.split('\n').length - 1;
    return content.startsWith('\n') ? content.slice(1) : content;
  }

  #quoted(quote: string): string {
    let text = '';
    this.#position += 1;
    for (;;) {
      const char = this.#source.charAt(this.#position);
      if (char === '' || char === '\n') return this.fail('unfinished string', quote + text);
      this.#position += 1;
      if (char === quote) return text;
      text += char === '\\' ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#source.charAt(this.#position);
    const digits = /^\d{1,3}/.exec(this.#source.slice(this.#position, this.#position + 3))?.[0];
    if (digits !== undefined) {
      this.#position += digits.length;
      if (Number(digits) > 255) return this.fail('escape sequence too large', `\\${digits}`);
      return String.fromCharCode(Number(digits));
    }
    this.#position += 1;
    if (char === '\n') this.#line += 1;
    return ESCAPES[char] ?? char;
  }
}
