import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Reply, ReplyMode } from '../../../../src/client/driver.js';
import { ProtocolError, ReplyReader } from '../../../../src/client/drivers/wire/reply-reader.js';

interface Heard {
  readonly replies: Reply[];
  readonly errors: Error[];
  readonly pushes: (readonly Reply[])[];
}

/** What a reader makes of the chunks. */
function read(chunks: readonly (string | Buffer)[], mode: ReplyMode = 'text'): Heard {
  const heard: Heard = { replies: [], errors: [], pushes: [] };
  const reader = new ReplyReader({
    mode: () => mode,
    toError: (message) => new Error(message),
    onReply: (reply) => heard.replies.push(reply),
    onError: (error) => heard.errors.push(error),
    onPush: (parts) => heard.pushes.push(parts),
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk as string));
  return heard;
}

/** A reply, its bytes, and what it is to become in either mode. */
interface Sample {
  readonly wire: Buffer;
  readonly text: unknown;
  readonly bytes: unknown;
}

const line = (head: string, text: unknown, bytes = text): Sample => ({ wire: Buffer.from(`${head}\r\n`), text, bytes });

function bulk(content: Buffer): Sample {
  const wire = Buffer.concat([Buffer.from(`$${content.length}\r\n`), content, Buffer.from('\r\n')]);
  return { wire, text: content.toString(), bytes: content };
}

function list(type: '*' | '~', items: readonly Sample[]): Sample {
  return {
    wire: Buffer.concat([Buffer.from(`${type}${items.length}\r\n`), ...items.map(({ wire }) => wire)]),
    text: items.map(({ text }) => text),
    bytes: items.map(({ bytes }) => bytes),
  };
}

function map(entries: readonly (readonly [string, Sample])[]): Sample {
  const unique = [...new Map(entries)];
  const make = (mode: 'text' | 'bytes'): unknown =>
    Object.assign(Object.create(null), Object.fromEntries(unique.map(([key, value]) => [key, value[mode]])));
  const parts = unique.flatMap(([key, value]) => [bulk(Buffer.from(key)).wire, value.wire]);
  return {
    wire: Buffer.concat([Buffer.from(`%${unique.length}\r\n`), ...parts]),
    text: make('text'),
    bytes: make('bytes'),
  };
}

const scalar: fc.Arbitrary<Sample> = fc.oneof(
  fc.maxSafeInteger().map((value) => line(`:${value}`, value === 0 ? 0 : value)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => line(`,${value}`, Number(String(value)))),
  fc.bigInt().map((value) => line(`(${value}`, value)),
  fc.boolean().map((value) => line(`#${value ? 't' : 'f'}`, value)),
  fc.constantFrom(line('_', null), line('$-1', null), line('*-1', null), line(',inf', Infinity)),
  fc
    .string({ maxLength: 20 })
    .filter((text) => !/[\r\n]/.test(text))
    .map((text) => line(`+${text}`, text, Buffer.from(text) as never)),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => bulk(Buffer.from(text))),
  fc.integer({ min: 16_380, max: 40_000 }).map((length) => bulk(Buffer.alloc(length, 'long '))),
);

const { reply } = fc.letrec<{ reply: Sample }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('reply'), { maxLength: 5 }).map((items) => list('*', items)),
    fc.array(tie('reply'), { maxLength: 5 }).map((items) => list('~', items)),
    fc.array(fc.tuple(fc.string(), tie('reply')), { maxLength: 5 }).map(map),
  ),
}));

function sliced(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe('ReplyReader', () => {
  it('reads every kind of reply, however the stream is sliced, in either mode', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.constantFrom<ReplyMode>('text', 'bytes'),
        (samples, cuts, mode) => {
          const chunks = sliced(Buffer.concat(samples.map(({ wire }) => wire)), cuts);
          const { replies } = read(chunks, mode);
          // compares long buffers as such, not byte by byte
          expect(
            isDeepStrictEqual(
              replies,
              samples.map((sample) => sample[mode]),
            ),
          ).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads a stream one byte at a time', () => {
    const wire =
      '+OK\r\n$5\r\nhello\r\n*2\r\n:1\r\n$-1\r\n-ERR no\r\n%1\r\n$1\r\nk\r\n,1.5\r\n>2\r\n+kind\r\n:7\r\n#t\r\n';
    const heard = read(wire.split(''));
    expect(heard.replies).toEqual(['OK', 'hello', [1, null], Object.assign(Object.create(null), { k: 1.5 }), true]);
    expect(heard.errors.map(({ message }) => message)).toEqual(['ERR no']);
    expect(heard.pushes).toEqual([[Buffer.from('kind'), 7]]);
  });

  it('keeps integers exact up to 2^53, and rounds larger ones once', () => {
    const numbers = ['9007199254740991', '-9007199254740991', '9007199254740993', '9223372036854775807', '-0', '+5'];
    const { replies } = read(numbers.map((number) => `:${number}\r\n`));
    expect(replies).toEqual([2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, 2 ** 63, 0, 5]);
  });

  it('gives errors inside of a list as values, and verbatim text without its format', () => {
    const { replies, errors } = read(['*2\r\n-WRONGTYPE no\r\n!4\r\nERR \r\n=8\r\ntxt:text\r\n']);
    expect((replies[0] as Error[]).map(({ message }) => message)).toEqual(['WRONGTYPE no', 'ERR ']);
    expect(replies[1]).toBe('text');
    expect(errors).toEqual([]);
  });

  it('lets no name of a map reach a prototype', () => {
    const { replies } = read(['%1\r\n$9\r\n__proto__\r\n:1\r\n']);
    expect(Object.getPrototypeOf(replies[0])).toBeNull();
    expect(Object.keys(replies[0] as object)).toEqual(['__proto__']);
  });

  it('passes over attributes, which speak of the reply that follows', () => {
    const { replies } = read(['|1\r\n+ttl\r\n:3600\r\n$1\r\nx\r\n', '*1\r\n|1\r\n+a\r\n:1\r\n:2\r\n']);
    expect(replies).toEqual(['x', [2]]);
  });

  it('hands over pushes between replies, and never as one', () => {
    const heard = read(['$1\r\na\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n\0\r\n$1\r\nb\r\n'], 'text');
    expect(heard.replies).toEqual(['a', 'b']);
    expect(heard.pushes[0]?.[0]).toEqual(Buffer.from('message'));
  });

  it.each([
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
    ['a byte that begins no reply', '\0\r\n'],
    ['a length that is no number', '$abc\r\n'],
    ['a number with something in it', ':12x4\r\n'],
    ['a negative length', '$-7\r\n'],
    ['a string that is not ended', '$1\r\nxyz'],
    ['a line that is ended by half', '+OK\rx'],
    ['a double that is none', ',abc\r\n'],
    ['a big number that is none', '(12a\r\n'],
  ])('refuses %s', (_what, wire) => {
    expect(() => read([wire])).toThrow(ProtocolError);
  });

  it('refuses a line without an end', () => {
    const mebibyte = 'x'.repeat(1024 * 1024);
    expect(() => read(['+', mebibyte, mebibyte])).toThrow(ProtocolError);
  });

  it('reads any bytes without anything but a ProtocolError', () => {
    const stream = fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constantFrom('$5\r\n', '*3\r\n', '%1\r\n', '\r\n')),
    );
    fc.assert(
      fc.property(stream, (chunks) => {
        try {
          read(chunks.map((chunk) => Buffer.from(chunk as string)));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  it('takes time in proportion to a long reply, not to its square: no byte is joined twice', () => {
    const content = Buffer.alloc(8 * 1024 * 1024, 'x');
    const wire = Buffer.concat([Buffer.from(`*1\r\n$${content.length}\r\n`), content, Buffer.from('\r\n')]);
    const chunks: Buffer[] = [];
    for (let at = 0; at < wire.length; at += 1024) chunks.push(wire.subarray(at, at + 1024));
    const concat = Buffer.concat.bind(Buffer);
    let joined = 0;
    Buffer.concat = (parts) => {
      joined += parts.reduce((sum, part) => sum + part.length, 0);
      return concat(parts);
    };
    try {
      expect((read(chunks, 'bytes').replies[0] as Buffer[])[0]?.equals(content)).toBe(true);
    } finally {
      Buffer.concat = concat;
    }
    expect(joined).toBeLessThan(wire.length * 1.1);
  });
});
