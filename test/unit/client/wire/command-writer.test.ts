import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CommandWriter } from '../../../../src/client/drivers/wire/command-writer.js';

/** The bytes that a socket would get. */
function written(commands: readonly (readonly (string | Buffer)[])[]): Buffer {
  const writer = new CommandWriter();
  for (const command of commands) writer.add(command);
  return Buffer.concat(writer.take());
}

/** The same, in the plainest way there is. */
function expected(commands: readonly (readonly (string | Buffer)[])[]): Buffer {
  const parts = commands.flatMap((command) => [
    Buffer.from(`*${command.length}\r\n`),
    ...command.flatMap((word) => {
      const bytes = Buffer.from(word as string);
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
    }),
  ]);
  return Buffer.concat(parts);
}

describe('CommandWriter', () => {
  it('writes text, bytes and long words as RESP says, in order', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 8_190, max: 8_195 }).map((length) => 'é'.repeat(length >> 1) + 'x'.repeat(length & 1)),
      fc.integer({ min: 8_190, max: 8_195 }).map((length) => Buffer.alloc(length, 0xff)),
    );
    const commands = fc.array(fc.array(word, { minLength: 1, maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(commands, (all) => {
        expect(written(all).equals(expected(all))).toBe(true);
      }),
    );
  });

  it('hands over everything once, and counts what waits', () => {
    const writer = new CommandWriter();
    writer.add(['SET', 'k', Buffer.alloc(10_000)]);
    expect(writer.bytes).toBeGreaterThan(10_000);
    writer.take();
    expect(writer.bytes).toBe(0);
    expect(writer.take()).toEqual([]);
  });

  it('writes over nothing that was taken or still waits, unless told that it may', () => {
    const writer = new CommandWriter();
    const first: (string | Buffer)[] = ['SET', 'first', Buffer.alloc(5_000, 1)];
    const second: (string | Buffer)[] = ['SET', 'second', Buffer.alloc(5_000, 2)];
    const taken: Buffer[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      writer.add(first);
      taken.push(...writer.take());
      writer.add(second);
      writer.recycle(); // does nothing: something waits
      taken.push(...writer.take());
    }
    expect(Buffer.concat(taken).equals(expected(Array.from({ length: 10 }, () => [first, second]).flat()))).toBe(true);
    const [last] = writer.take();
    expect(last).toBeUndefined();
    writer.recycle();
    writer.add(first);
    expect(Buffer.concat(writer.take()).equals(expected([first]))).toBe(true);
  });

  it('takes a command of many short words, whatever room is left', () => {
    const words = Array.from({ length: 20_000 }, (_, n) => `word ${n}`);
    expect(written([words, words]).equals(expected([words, words]))).toBe(true);
  });
});
