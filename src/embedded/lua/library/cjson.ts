import { numberToString, parseNumber } from '../number.js';
import { LuaFault, LuaTable, LuaUserdata, type LuaValue, typeName } from '../value.js';
import { library } from './arguments.js';

export const JSON_NULL = new LuaUserdata('userdata: (nil)');
const MAX_DEPTH = 1000;
/** A list is too sparse when its largest key is over 10 and over twice the number of its items. */
const SPARSE_SAFE = 10;
const SPARSE_RATIO = 2;

/** `cjson`, with the settings that servers leave in place. */
export function cjsonLibrary(): LuaTable {
  return library(
    {
      decode: (args) => new Decoder(args.string(0)).decode(),
      encode: (args) => encode(args.any(0), 0),
    },
    { null: JSON_NULL },
  );
}

function encode(value: LuaValue, depth: number): string {
  if (value === undefined || value === JSON_NULL) return 'null';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new LuaFault('Cannot serialise number: must not be NaN or Inf');
    return numberToString(value);
  }
  if (!(value instanceof LuaTable)) throw new LuaFault(`Cannot serialise ${typeName(value)}: type not supported`);
  if (depth >= MAX_DEPTH) throw new LuaFault('Cannot serialise, excessive depth (1001)');
  const length = arrayLength(value);
  return length > 0 ? encodeArray(value, length, depth + 1) : encodeObject(value, depth + 1);
}

/** The largest key, if all keys are positive whole numbers; else 0. */
function arrayLength(table: LuaTable): number {
  let largest = 0;
  let count = 0;
  for (const [key] of table.entries()) {
    if (typeof key !== 'number' || key < 1 || !Number.isInteger(key)) return 0;
    largest = Math.max(largest, key);
    count += 1;
  }
  if (largest > SPARSE_SAFE && largest > count * SPARSE_RATIO) {
    throw new LuaFault('Cannot serialise table: excessively sparse array');
  }
  return largest;
}

function encodeArray(table: LuaTable, length: number, depth: number): string {
  const items: string[] = [];
  for (let index = 1; index <= length; index += 1) items.push(encode(table.get(index), depth));
  return `[${items.join(',')}]`;
}

function encodeObject(table: LuaTable, depth: number): string {
  const members: string[] = [];
  for (const [key, value] of table.entries()) {
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw new LuaFault('Cannot serialise table: table key must be a number or string');
    }
    const name = typeof key === 'number' ? `"${numberToString(key)}"` : quote(key);
    members.push(`${name}:${encode(value, depth)}`);
  }
  return `{${members.join(',')}}`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quote(text: string): string {
  const escaped = text.replace(
    /["\\/\x00-\x1f\x7f]/g,
    (char) => SHORT_ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

const SPACE = /[ \t\r\n]*/y;
const LITERAL = /true|false|null/y;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)/iy;
const PLAIN = /[^"\\\x00]*/y;
const UNESCAPED: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
};

class Decoder {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  decode(): LuaValue {
    const value = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) this.#fail('the end');
    return value;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  #skip(): void {
    this.#match(SPACE);
  }

  #accept(char: string): boolean {
    this.#skip();
    if (this.#text.charAt(this.#at) !== char) return false;
    this.#at += 1;
    return true;
  }

  #fail(expected: string): never {
    const found = this.#at < this.#text.length ? 'invalid token' : 'T_END';
    throw new LuaFault(`Expected ${expected} but found ${found} at character ${this.#at + 1}`);
  }

  #value(depth: number): LuaValue {
    if (depth > MAX_DEPTH) throw new LuaFault(`Found too many nested data structures (${depth})`);
    if (this.#accept('"')) return this.#string();
    if (this.#accept('[')) return this.#array(depth);
    if (this.#accept('{')) return this.#object(depth);
    const literal = this.#match(LITERAL);
    if (literal !== undefined) return literal === 'null' ? JSON_NULL : literal === 'true';
    const number = this.#match(NUMBER);
    const parsed = number === undefined ? undefined : parseNumber(number);
    return parsed ?? this.#fail('value');
  }

  #array(depth: number): LuaTable {
    const items: LuaValue[] = [];
    if (this.#accept(']')) return new LuaTable(items);
    do items.push(this.#value(depth + 1));
    while (this.#accept(','));
    if (!this.#accept(']')) this.#fail('comma or array end');
    return new LuaTable(items);
  }

  #object(depth: number): LuaTable {
    const table = new LuaTable();
    if (this.#accept('}')) return table;
    do {
      if (!this.#accept('"')) this.#fail('object key string');
      const key = this.#string();
      if (!this.#accept(':')) this.#fail('colon');
      table.set(key, this.#value(depth + 1));
    } while (this.#accept(','));
    if (!this.#accept('}')) this.#fail('comma or object end');
    return table;
  }

  #string(): string {
    let text = '';
    for (;;) {
      text += this.#match(PLAIN) ?? '';
      const char = this.#text.charAt(this.#at);
      this.#at += 1;
      if (char === '"') return text;
      if (char !== '\\') this.#fail('value');
      const escape = this.#text.charAt(this.#at);
      this.#at += 1;
      text += escape === 'u' ? this.#unicode() : (UNESCAPED[escape] ?? this.#fail('value'));
    }
  }

  /** `\uXXXX`, with a surrogate pair as one character, in UTF-8. */
  #unicode(): string {
    let char = String.fromCharCode(this.#hex4());
    if (char >= '\ud800' && char <= '\udbff' && this.#text.startsWith('\\u', this.#at)) {
      this.#at += 2;
      char += String.fromCharCode(this.#hex4());
    }
    if (!char.isWellFormed()) this.#fail('value');
    return Buffer.from(char, 'utf8').toString('latin1');
  }

  #hex4(): number {
    const digits = /^[0-9a-fA-F]{4}/.exec(this.#text.slice(this.#at, this.#at + 4))?.[0];
    if (digits === undefined) return this.#fail('value');
    this.#at += 4;
    return Number.parseInt(digits, 16);
  }
}
