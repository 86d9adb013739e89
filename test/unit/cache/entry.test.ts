import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { EntryFormat, HEADER_BYTES } from '../../../src/cache/entry.js';
import { DecodeError, ForeignValueError } from '../../../src/codec/index.js';

const KEY = 'ru:cache:{k}';

function formatOf(version?: string): EntryFormat {
  return new EntryFormat(undefined, version);
}

const format = formatOf();

/** An entry with some bytes of its header changed, as a later release or a foreign hand would leave it. */
function patched(at: number, ...bytes: number[]): Buffer {
  const entry = format.encode(KEY, { a: 1 });
  entry.set(bytes, at);
  return entry;
}

describe('an entry', () => {
  test('has a header of 41 bytes and an envelope of 7 around the value', () => {
    const entry = format.encode(KEY, 1);
    expect(HEADER_BYTES).toBe(41);
    expect(entry.length).toBe(48 + 1);
    expect(entry.subarray(0, HEADER_BYTES).toString('hex')).toBe(`c102${'00'.repeat(39)}`);
    expect(entry[HEADER_BYTES]).toBe(0xc1);
  });

  test('says how long its load took, saturating at 3 bytes', () => {
    expect(format.encode(KEY, 1, 5).readUIntBE(3, 3)).toBe(5);
    expect(format.encode(KEY, 1, 2 ** 40).readUIntBE(3, 3)).toBe(0xff_ff_ff);
  });

  test('names its value version by the first 4 bytes of its SHA-256', () => {
    const digest = createHash('sha256').update('v2').digest();
    expect(formatOf('v2').encode(KEY, 1).subarray(6, 10)).toEqual(digest.subarray(0, 4));
  });

  test('of another value version, or of none, is a miss in both directions', () => {
    expect(formatOf('v2').decode(KEY, format.encode(KEY, 1))).toBeUndefined();
    expect(format.decode(KEY, formatOf('v2').encode(KEY, 1))).toBeUndefined();
    expect(formatOf('v2').decode(KEY, formatOf('v2').encode(KEY, 1))).toBe(1);
  });

  test.each([null, false, 0, '', [], {}, 'text', { deep: [{ a: null }] }, Buffer.from('x'), new Date(5)])(
    'brings back %j',
    (value) => expect(format.decode(KEY, format.encode(KEY, value))).toEqual(value),
  );
});

describe('a header that a later release may write', () => {
  test.each([
    ['a lease without a value', patched(2, 0x01)],
    ['a remembered "not found"', patched(2, 0x02)],
    ['a tag section', patched(2, 0x08)],
    ['a number of tags', patched(40, 1)],
    ['a time until which it is fresh', patched(16, 0, 0, 0, 0, 0, 1)],
  ])('with %s is a miss', (_what, entry) => {
    expect(format.decode(KEY, entry)).toBeUndefined();
    expect(format.holdsValue(KEY, entry)).toBe(false);
  });

  test.each([
    ['a creation time', patched(10, 1, 2, 3, 4, 5, 6)],
    ['a lease beside the value', patched(22, ...Array.from({ length: 18 }, () => 0xab))],
    ['the mark of a sliding lifetime', patched(2, 0x04)],
  ])('with %s is read as it is', (_what, entry) => expect(format.decode(KEY, entry)).toEqual({ a: 1 }));

  test.each([
    ['an unknown flag', patched(2, 0x10)],
    ['another kind', patched(1, 0x03)],
  ])('with %s is a DecodeError that says so', (_what, entry) => {
    expect(() => format.decode(KEY, entry)).toThrow(expect.objectContaining({ code: 'RU_DECODE', reason: 'version' }));
  });

  test('cut off anywhere is an error and never a value', () => {
    const entry = format.encode(KEY, { a: 1 });
    for (let length = 1; length < entry.length; length += 1) {
      expect(() => format.decode(KEY, entry.subarray(0, length)), `${length} bytes`).toThrow(DecodeError);
    }
  });
});

describe('bytes without a header', () => {
  test.each(['0', '7', '-7', '9007199254740991', '-9007199254740991'])('%s is a counter', (text) => {
    expect(format.decode(KEY, Buffer.from(text))).toBe(Number(text));
    expect(format.holdsValue(KEY, Buffer.from(text))).toBe(true);
  });

  test.each(['', '-0', '007', '+1', '1.5', '1e3', ' 1', '9007199254740992', '{"a":1}'])(
    '%j is a foreign value',
    (text) => {
      expect(() => format.decode(KEY, Buffer.from(text))).toThrow(ForeignValueError);
      expect(format.holdsValue(KEY, Buffer.from(text))).toBe(false);
    },
  );

  test('are read where the codec says how', () => {
    const lenient = new EntryFormat({ foreign: 'json' }, undefined);
    expect(lenient.decode(KEY, Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    expect(lenient.holdsValue(KEY, Buffer.from('{"a":1}'))).toBe(true);
    const damaged = format.encode(KEY, 1);
    damaged[HEADER_BYTES] = 0x31;
    expect(() => lenient.decode(KEY, damaged)).toThrow(DecodeError);
  });
});
