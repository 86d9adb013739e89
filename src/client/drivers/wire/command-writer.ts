import type { WireCommand } from '../../driver.js';

/** Longer words travel as they are; shorter ones are joined to what surrounds them. */
const LONG_WORD = 8 * 1024;

/** What stands before a word: the end of the line before it, and its length. */
const WORD_HEADS = Array.from({ length: 256 }, (_, length) => wordHead(length));

/**
 * Commands of one tick as what goes onto the socket: one string, in which each character stands for a byte, and long
 * words beside it. Such a string is the cheapest thing that Node can write.
 */
export class CommandWriter {
  #text = '';
  #chunks: (string | Buffer)[] = [];
  #bytes = 0;

  /** About how many bytes wait. */
  get bytes(): number {
    return this.#bytes + this.#text.length;
  }

  add(command: WireCommand): void {
    let text = `${this.#text}*${command.length}`;
    for (let index = 0; index < command.length; index += 1) {
      const word = command[index] as string | Buffer;
      const length = typeof word === 'string' ? Buffer.byteLength(word) : word.length;
      text += WORD_HEADS[length] ?? wordHead(length);
      if (length > LONG_WORD) text = this.#addLong(text, word);
      else text += toBinary(word, length);
    }
    this.#text = `${text}\r\n`;
  }

  /** Everything that was added since, in order; strings are to be written as latin1. */
  take(): readonly (string | Buffer)[] {
    const chunks = this.#chunks;
    chunks.push(this.#text);
    this.#chunks = [];
    this.#text = '';
    this.#bytes = 0;
    return chunks;
  }

  /** Puts a long word beside the text; returns the text that follows it. */
  #addLong(before: string, word: string | Buffer): string {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    this.#chunks.push(before, bytes);
    this.#bytes += before.length + bytes.length;
    return '';
  }
}

function wordHead(length: number): string {
  return `\r\n$${length}\r\n`;
}

/** The word with one character for each of its `length` bytes. */
function toBinary(word: string | Buffer, length: number): string {
  if (typeof word !== 'string') return word.toString('latin1');
  return word.length === length ? word : Buffer.from(word).toString('latin1');
}
