import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CommandWriter } from '../../../../src/client/drivers/wire/command-writer.js';

/** The bytes that a socket would get. */
function written(commands: readonly (readonly (string | Buffer)[])[]): Buffer {
  const writer = new CommandWriter();
  for (const command of commands) writer.add(command);
  return Buffer.concat(writer.take().map((chunk) => Buffer.from(chunk as string, 'latin1')));
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
    expect(writer.take().join('')).toBe('');
  });
});
