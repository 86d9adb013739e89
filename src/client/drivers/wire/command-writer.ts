import { Buffer } from 'node:buffer';

import type { WireCommand } from '../../driver.js';

/** Longer words travel as they are; shorter ones are copied to what surrounds them. */
const LONG_WORD = 8 * 1024;
/** Up to here a loop over the characters is faster than a call into Node. */
const SHORT_TEXT = 64;

/** More than what leaves in one write. */
const SLAB_BYTES = 40 * 1024;
/** The most that stands around a word: a length before it, the end of its line behind it. */
const FRAME_BYTES = 16;

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const ASTERISK = 0x2a;

const DIGITS = Array.from({ length: 1024 }, (_, length) => String(length));

/** Commands of one tick as what goes onto the socket: their bytes in a slab of memory, and long words beside it. */
export class CommandWriter {
  #slab: Buffer = NO_SLAB;
  /** Where that begins in the slab which has not been taken. */
  #start = 0;
  #end = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;

  /** How many bytes wait. */
  get bytes(): number {
    return this.#chunkBytes + this.#end - this.#start;
  }

  add(command: WireCommand): void {
    this.#makeRoom(FRAME_BYTES);
    this.#head(ASTERISK, command.length);
    for (let index = 0; index < command.length; index += 1) {
      const word = command[index] as string | Buffer;
      if (typeof word !== 'string') this.#bytes(word);
      else if (word.length > SHORT_TEXT || !this.#shortAscii(word)) this.#text(word);
    }
  }

  /** Everything that was added since, in order. */
  take(): readonly Buffer[] {
    this.#closeChunk();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    return chunks;
  }

  /** To be called when nobody reads any more from what was taken: the next commands are written over it. */
  recycle(): void {
    if (this.bytes === 0) this.#start = this.#end = 0;
  }

  /** Most words: for these the calls into Node would cost most of the time. */
  #shortAscii(word: string): boolean {
    const { length } = word;
    this.#makeRoom(length + FRAME_BYTES);
    const before = this.#end;
    this.#head(DOLLAR, length);
    const slab = this.#slab;
    const start = this.#end;
    for (let index = 0; index < length; index += 1) {
      const code = word.charCodeAt(index);
      if (code >= 0x80) {
        this.#end = before;
        return false;
      }
      slab[start + index] = code;
    }
    this.#end = start + length;
    this.#endLine();
    return true;
  }

  #text(word: string): void {
    const length = Buffer.byteLength(word);
    if (length > LONG_WORD) return this.#bytes(Buffer.from(word));
    this.#makeRoom(length + FRAME_BYTES);
    this.#head(DOLLAR, length);
    this.#end += this.#slab.write(word, this.#end, 'utf8');
    this.#endLine();
  }

  #bytes(word: Buffer): void {
    const { length } = word;
    const isLong = length > LONG_WORD;
    this.#makeRoom((isLong ? 0 : length) + FRAME_BYTES);
    this.#head(DOLLAR, length);
    if (isLong) {
      this.#closeChunk();
      this.#push(word);
    } else {
      this.#slab.set(word, this.#end);
      this.#end += length;
    }
    this.#endLine();
  }

  /** A line with the length of what follows. */
  #head(type: number, length: number): void {
    const slab = this.#slab;
    const digits = DIGITS[length] ?? String(length);
    slab[this.#end] = type;
    this.#end += 1;
    for (let index = 0; index < digits.length; index += 1) slab[this.#end + index] = digits.charCodeAt(index);
    this.#end += digits.length;
    this.#endLine();
  }

  #endLine(): void {
    const at = this.#end;
    this.#slab[at] = CR;
    this.#slab[at + 1] = LF;
    this.#end = at + 2;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    this.#closeChunk();
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#start = this.#end = 0;
  }

  #closeChunk(): void {
    if (this.#end > this.#start) this.#push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }
}

const NO_SLAB: Buffer = Buffer.alloc(0);
