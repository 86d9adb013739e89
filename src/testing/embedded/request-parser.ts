import { ErrorReply } from '../../embedded/reply.js';

const MAX_INLINE = 65_536;
const MAX_ARGUMENTS = 1_048_576;
const MAX_BULK = 512 * 1_048_576;

/**
 * Commands from the bytes that clients send: arrays of bulk strings, and lines of words (inline commands). Words hold
 * one byte per UTF-16 unit, as the engine's strings do.
 */
export class RequestParser {
  #data: Buffer = Buffer.alloc(0);
  #at = 0;

  push(bytes: Buffer): void {
    this.#data = this.#at === this.#data.length ? bytes : Buffer.concat([this.#data.subarray(this.#at), bytes]);
    this.#at = 0;
  }

  /**
   * The next command, or undefined when it is not complete yet. Empty ones are passed over, as servers do.
   * @throws ErrorReply for what is no command; the connection is then of no use
   */
  next(): string[] | undefined {
    for (;;) {
      const command = this.#data[this.#at] === 0x2a ? this.#array() : this.#inline();
      if (command === undefined || command.length > 0) return command;
    }
  }

  #array(): string[] | undefined {
    const start = this.#at;
    const count = this.#length('*', MAX_ARGUMENTS, 'invalid multibulk length');
    const words = count === undefined ? undefined : this.#bulks(count);
    if (words === undefined) this.#at = start;
    return words;
  }

  #bulks(count: number): string[] | undefined {
    const words: string[] = [];
    for (let left = count; left > 0; left -= 1) {
      const word = this.#bulk();
      if (word === undefined) return undefined;
      words.push(word);
    }
    return words;
  }

  #bulk(): string | undefined {
    const size = this.#length('$', MAX_BULK, 'invalid bulk length');
    if (size === undefined || this.#data.length < this.#at + Math.max(size, 0) + 2) return undefined;
    if (size < 0) throw new ErrorReply('ERR Protocol error: invalid bulk length');
    const word = this.#data.toString('latin1', this.#at, this.#at + size);
    this.#at += size + 2;
    return word;
  }

  /** A line such as `*3`, passed when it is complete. */
  #length(sign: string, max: number, problem: string): number | undefined {
    const line = this.#line();
    if (line === undefined) return undefined;
    if (!line.startsWith(sign)) throw new ErrorReply(`ERR Protocol error: expected '${sign}', got '${line.charAt(0)}'`);
    const length = Number(line.slice(1));
    if (!/^-?\d+$/.test(line.slice(1)) || length > max) throw new ErrorReply(`ERR Protocol error: ${problem}`);
    return length;
  }

  #line(): string | undefined {
    const end = this.#data.indexOf('\r\n', this.#at);
    if (end === -1) return undefined;
    const line = this.#data.toString('latin1', this.#at, end);
    this.#at = end + 2;
    return line;
  }

  #inline(): string[] | undefined {
    const end = this.#data.indexOf('\n', this.#at);
    if (end === -1) {
      if (this.#data.length - this.#at <= MAX_INLINE) return undefined;
      throw new ErrorReply('ERR Protocol error: too big inline request');
    }
    const line = this.#data.toString('latin1', this.#at, end);
    this.#at = end + 1;
    return wordsOf(line.trim());
  }
}

const WORD = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\')*)'|([^\s"']+))(?=\s|$)/gsy;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Words as a shell would see them. @throws ErrorReply for quotes that do not end */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  let end = 0;
  for (const match of line.matchAll(WORD)) {
    const [whole, double, single, bare] = match;
    words.push(double === undefined ? (single?.replaceAll("\\'", "'") ?? bare ?? '') : unescaped(double));
    end = match.index + whole.length;
  }
  if (end < line.length) throw new ErrorReply('ERR Protocol error: unbalanced quotes in request');
  return words;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
