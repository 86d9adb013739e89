import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createCodec, msgpack } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const GOLDEN = readFileSync(new URL('../../fixtures/rmp-serde-golden.txt', import.meta.url), 'utf8');
const LINE = /^(.+?)\s+to_vec=[0-9a-f]+ named=([0-9a-f]+)$/gm;
const NAMED = new Map([...GOLDEN.matchAll(LINE)].map(([, name = '', hex = '']) => [name, hex]));

/** What Rust's values are in JavaScript. */
const VALUES: Record<string, unknown> = {
  Session: {
    user_id: 42,
    name: 'Jö',
    createdAt: -1,
    tags: ['a'],
    blob: [1, 200],
    bytes: Buffer.from([1, 200]),
    role: 'Admin',
    inner: { x: -5, y: 1 },
    none: null,
    map: { k: 1 },
    ch: 'é',
    f: 1.5,
    d: 2,
    tup: [1, true],
    unit: null,
    new: 7,
  },
  'Role::Admin': 'Admin',
  'Role::User': { User: 'x' },
  'Role::Pair': { Pair: [1, 2] },
  'Role::Named': { Named: { level: 3 } },
  'Unit struct': [],
  '()': null,
  'New(7)': 7,
  None: null,
  'Some(1)': 1,
  'Some(None)': null,
  'u64::MAX': 2n ** 64n - 1n,
  'i64::MIN': -(2n ** 63n),
  u128: Buffer.from('00000000000000000000000000000001', 'hex'),
  '2^53+1': 2n ** 53n + 1n,
  'f64 1.0': 1,
  'f32 1.0': 1,
  char: 'é',
  '[u8;3]': [1, 2, 3],
  'Vec<u8>': [1, 200],
  serde_bytes: Buffer.from([1, 200]),
  'HashMap<u32,str>': { 1: 'x' },
  Duration: { secs: 1, nanos: 500_000_000 },
  SystemTime: { secs_since_epoch: 5, nanos_since_epoch: 0 },
  'Result Ok': { Ok: 1 },
  Small: { a: 1, b: 'x' },
  'Opt none': { a: 1, c: 2 },
  Tagged: { type: 'A', v: 1 },
  Un: 'z',
};

/** JavaScript has neither a whole float nor a map with keys that are numbers. */
const UNSPEAKABLE = ['Session', 'f64 1.0', 'f32 1.0', 'HashMap<u32,str>'];

const bare = createCodec({ serializer: msgpack({ profile: 'portable' }), envelope: false });

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function encoded(value: unknown): string {
  return Buffer.from(bare.encode(value, PLACE)).toString('hex');
}

describe('the portable profile and the golden vectors of rmp-serde', () => {
  test('every vector of the fixture has its value here', () => {
    expect([...NAMED.keys()].sort()).toEqual(Object.keys(VALUES).sort());
  });

  test.each([...NAMED])('%s is read as written by to_vec_named', (name, hex) => {
    expect(bare.decode(bytesOf(hex), PLACE)).toEqual(VALUES[name]);
  });

  test.each([...NAMED].filter(([name]) => !UNSPEAKABLE.includes(name)))('%s is written byte for byte', (name, hex) => {
    expect(encoded(VALUES[name])).toBe(hex);
  });
});

describe('the portable profile', () => {
  test.each([
    [0, '00'],
    [-0, '00'],
    [127, '7f'],
    [128, 'cc80'],
    [255, 'ccff'],
    [256, 'cd0100'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [2 ** 32 - 1, 'ceffffffff'],
    [2 ** 32, 'cf0000000100000000'],
    [Number.MAX_SAFE_INTEGER, 'cf001fffffffffffff'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-128, 'd080'],
    [-129, 'd1ff7f'],
    [-32_768, 'd18000'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31), 'd280000000'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [Number.MIN_SAFE_INTEGER, 'd3ffe0000000000001'],
    [5n, '05'],
    [1.5, 'cb3ff8000000000000'],
    [2 ** 53, 'cb4340000000000000'],
  ])('writes %s in its smallest exact form', (value, hex) => {
    expect(encoded(value)).toBe(hex);
    expect(bare.decode(bytesOf(hex), PLACE)).toBe(typeof value === 'bigint' ? Number(value) : value + 0);
  });

  test('writes every length of text, bytes, arrays and maps so that it is read again', { timeout: 60_000 }, () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const values = [
        'a'.repeat(length),
        'é'.repeat(length),
        Buffer.alloc(length, 7),
        Array.from({ length }, () => 1),
        Object.fromEntries(Array.from({ length }, (_, index) => [`k${index}`, index])),
      ];
      for (const value of values) {
        expect(isDeepStrictEqual(bare.decode(bare.encode(value, PLACE), PLACE), value)).toBe(true);
      }
    }
  });

  test('leaves undefined properties out and writes a Date as whole milliseconds', () => {
    expect(encoded({ a: 1, b: undefined })).toBe('81a16101');
    expect(encoded(new Date(5))).toBe('05');
  });

  test.each([
    ['the same key twice', '82a16101a16102'],
    ['a key named __proto__', '81a95f5f70726f746f5f5f01'],
    ['a key that is nil', '81c001'],
    ['a timestamp extension', 'd6ff00000005'],
    ['bytes after the value', '0102'],
    ['a value that ends early', '92a161'],
    ['an array longer than its bytes', 'ddffffffff01'],
    ['text that is not UTF-8', 'a2c328'],
    ['the byte that is never used', '91c1'],
    ['nothing', ''],
  ])('refuses %s', (_what, hex) => {
    expect(thrownBy(() => bare.decode(bytesOf(hex), PLACE))).toMatchObject({ code: 'RU_DECODE', reason: 'malformed' });
  });

  test('refuses nesting beyond 100 levels, however deep', () => {
    expect(() => bare.decode(Buffer.concat([Buffer.alloc(100, 0x91), Buffer.from([1])]), PLACE)).not.toThrow();
    for (const depth of [101, 1_000_000]) {
      const bytes = Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([1])]);
      expect(thrownBy(() => bare.decode(bytes, PLACE))).toMatchObject({ reason: 'malformed' });
    }
  });

  test('a replacement character that is really in the text is read', () => {
    expect(bare.decode(bare.encode('a\uFFFDb', PLACE), PLACE)).toBe('a\uFFFDb');
  });
});
