import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type EntryFacts, EntryFormat } from '../../../src/cache/entries/entry.js';
import { HEADER_BYTES, slidingMsOf } from '../../../src/cache/entries/entry-header.js';
import { tagsOf } from '../../../src/cache/entries/tag-section.js';
import { DecodeError, ForeignValueError } from '../../../src/codec/index.js';

const KEY = 'ru:cache:{k}';

function formatOf(version?: string): EntryFormat {
  return new EntryFormat(undefined, version);
}

const format = formatOf();
const BARE = { epoch: undefined, tags: [] };
const NOW = 1_800_000_000_000;

/** What a reader gets at a moment: a fresh value, or undefined. */
function read(by: EntryFormat, entry: Buffer, nowMs = NOW): unknown {
  return by.standing(KEY, entry, nowMs) === 'fresh' ? by.value(KEY, entry) : undefined;
}

function timeBytes(ms: number): number[] {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(ms, 0, 6);
  return [...bytes];
}

/** An entry with some bytes of its header changed, as a later release or a foreign hand would leave it. */
function patched(at: number, ...bytes: number[]): Buffer {
  const entry = format.encode(KEY, { a: 1 }, BARE);
  entry.set(bytes, at);
  return entry;
}

describe('an entry', () => {
  test('has a header of 48 bytes and an envelope of 7 around the value', () => {
    const entry = format.encode(KEY, 1, BARE);
    expect(HEADER_BYTES).toBe(48);
    expect(entry.length).toBe(55 + 1);
    expect(entry.subarray(0, HEADER_BYTES).toString('hex')).toBe(`c102${'00'.repeat(46)}`);
    expect(entry[HEADER_BYTES]).toBe(0xc1);
  });

  test('says how long its load took, saturating at 3 bytes', () => {
    expect(format.encode(KEY, 1, { ...BARE, loadMs: 5 }).readUIntBE(3, 3)).toBe(5);
    expect(format.encode(KEY, 1, { ...BARE, loadMs: 2 ** 40 }).readUIntBE(3, 3)).toBe(0xff_ff_ff);
  });

  test('names its value version by the first 4 bytes of its SHA-256', () => {
    const digest = createHash('sha256').update('v2').digest();
    expect(formatOf('v2').encode(KEY, 1, BARE).subarray(6, 10)).toEqual(digest.subarray(0, 4));
  });

  test('of another value version, or of none, is a miss in both directions', () => {
    expect(read(formatOf('v2'), format.encode(KEY, 1, BARE))).toBeUndefined();
    expect(read(format, formatOf('v2').encode(KEY, 1, BARE))).toBeUndefined();
    expect(read(formatOf('v2'), formatOf('v2').encode(KEY, 1, BARE))).toBe(1);
  });

  test.each([null, false, 0, '', [], {}, 'text', { deep: [{ a: null }] }, Buffer.from('x'), new Date(5)])(
    'brings back %j',
    (value) => expect(read(format, format.encode(KEY, value, BARE))).toEqual(value),
  );
});

describe('a header', () => {
  test('of a lease without a value is a miss', () => {
    expect(format.standing(KEY, patched(2, 0x01), NOW)).toBe('loading');
  });

  test.each([
    ['a creation time', patched(15, 1, 2, 3, 4, 5, 6)],
    ['a lease beside the value', patched(33, ...Array.from({ length: 14 }, () => 0xab))],
  ])('with %s is read as it is', (_what, entry) => expect(read(format, entry)).toEqual({ a: 1 }));

  test.each([
    ['an unknown flag', patched(2, 0x40)],
    ['a tag section without a number of tags', patched(2, 0x08)],
    ['a number of tags without a tag section', patched(47, 1)],
    ['another kind', patched(1, 0x03)],
  ])('with %s is a DecodeError that says so', (_what, entry) => {
    expect(() => read(format, entry)).toThrow(expect.objectContaining({ code: 'RU_DECODE', reason: 'version' }));
  });

  test('cut off anywhere is an error and never a value', () => {
    const entry = format.encode(KEY, { a: 1 }, BARE);
    for (let length = 1; length < entry.length; length += 1) {
      expect(() => read(format, entry.subarray(0, length)), `${length} bytes`).toThrow(DecodeError);
    }
  });
});

describe('the times of an entry', () => {
  const entry = patched(21, ...timeBytes(NOW + 10), ...timeBytes(NOW + 30));

  test.each([
    ['before it is over', NOW + 9, 'fresh'],
    ['from then on', NOW + 10, 'stale'],
    ['before its grace is over', NOW + 29, 'stale'],
    ['when that is over, too', NOW + 30, 'over'],
    ['while the server’s time is not known', Number.POSITIVE_INFINITY, 'over'],
  ])('%s', (_what, nowMs, standing) => {
    expect(format.standing(KEY, entry, nowMs)).toBe(standing);
    expect(format.value(KEY, entry)).toEqual({ a: 1 });
  });

  test('that are not said leave it to Redis how long the entry lives', () => {
    expect(format.standing(KEY, patched(21, ...timeBytes(0), ...timeBytes(0)), Number.POSITIVE_INFINITY)).toBe('fresh');
    expect(format.standing(KEY, patched(21, ...timeBytes(0), ...timeBytes(NOW)), NOW)).toBe('over');
  });
});

describe('the sections behind the header', () => {
  const tags = ['a', 'ü'].map((name, index) => ({ name, epoch: Buffer.alloc(16, index + 1) }));

  test.each<[string, Partial<EntryFacts>]>([
    ['tags', { tags }],
    ['a sliding lifetime', { slidingMs: 2 ** 40 }],
    ['both', { tags, slidingMs: 5 }],
  ])('hold %s, and the value follows', (_what, facts) => {
    const entry = format.encode(KEY, { a: 1 }, { ...BARE, ...facts });
    expect(read(format, entry)).toEqual({ a: 1 });
    expect(slidingMsOf(entry)).toBe(facts.slidingMs ?? 0);
    expect(tagsOf(KEY, entry)).toEqual(facts.tags ?? []);
    for (let length = 48; length < entry.length; length += 1) {
      expect(() => format.value(KEY, entry.subarray(0, length)), `${length} bytes`).toThrow(DecodeError);
    }
  });
});

describe('an entry that says that there is no value', () => {
  test('is fresh, has none, and no body', () => {
    const entry = format.encodeNegative({ ...BARE, loadMs: 3 });
    expect(entry.toString('hex')).toBe(`c10202000003${'00'.repeat(42)}`);
    expect(format.standing(KEY, entry, NOW)).toBe('fresh');
    expect(format.value(KEY, entry)).toBeUndefined();
    expect(format.mayBeValue(entry)).toBe(false);
  });
});

describe('bytes without a header', () => {
  test.each(['0', '7', '-7', '9007199254740991', '-9007199254740991'])('%s is a counter', (text) => {
    expect(read(format, Buffer.from(text))).toBe(Number(text));
    expect(format.mayBeValue(Buffer.from(text))).toBe(true);
  });

  test.each(['', '-0', '007', '+1', '1.5', '1e3', ' 1', '9007199254740992', '{"a":1}'])(
    '%j is a foreign value',
    (text) => {
      expect(() => read(format, Buffer.from(text))).toThrow(ForeignValueError);
      expect(format.mayBeValue(Buffer.from(text))).toBe(false);
    },
  );

  test('are read where the codec says how', () => {
    const lenient = new EntryFormat({ foreign: 'json' }, undefined);
    expect(read(lenient, Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    expect(lenient.mayBeValue(Buffer.from('{"a":1}'))).toBe(true);
    const damaged = format.encode(KEY, 1, BARE);
    damaged[HEADER_BYTES] = 0x31;
    expect(() => read(lenient, damaged)).toThrow(DecodeError);
  });
});
