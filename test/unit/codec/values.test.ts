import { isDeepStrictEqual } from 'node:util';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createCodec, json, msgpack, raw } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const CODECS = {
  default: createCodec(),
  portable: createCodec({ serializer: msgpack({ profile: 'portable' }) }),
  rich: createCodec({ serializer: msgpack({ profile: 'rich' }) }),
  json: createCodec({ serializer: json() }),
  raw: createCodec({ serializer: raw() }),
};
type CodecName = keyof typeof CODECS;
const ALL: CodecName[] = ['default', 'portable', 'rich', 'json'];
const JS_ONLY: CodecName[] = ['default', 'rich'];

class User {
  name = 'Ada';
}
class List extends Array<number> {}

function withHole(): number[] {
  const list = [1];
  list[2] = 3;
  return list;
}

function roundTrip(name: CodecName, value: unknown): unknown {
  return CODECS[name].decode(CODECS[name].encode(value, PLACE), PLACE);
}

describe.each(ALL)('%s', (name) => {
  test.each([
    ['null', null],
    ['text', 'Ada Löwe 🦁'],
    ['text that begins with a byte order mark', ['\uFEFF', `\uFEFF${'x'.repeat(500)}`]],
    ['large whole numbers', [2 ** 32, Date.UTC(2026, 0), -(2 ** 40), Number.MAX_SAFE_INTEGER, 2 ** 60]],
    ['fractions', [0.1, -1e300, 5e-324, Number.MAX_VALUE]],
    ['names of Object.prototype', { hasOwnProperty: 1, constructor: 'x', toJSON: 2, toString: [], valueOf: null }],
    ['empty containers', [{}, [], '']],
    ['more than 65,535 properties', Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]))],
    ['more text than a slab holds', { a: 'ä'.repeat(50_000), b: 'b'.repeat(200_000) }],
  ])('brings back %s', (_what, value) => {
    expect(isDeepStrictEqual(roundTrip(name, value), value)).toBe(true);
  });

  test('brings back 100 levels and refuses 101, and a cycle', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(roundTrip(name, nested(100))).toEqual(nested(100));
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const value of [nested(101), cycle]) {
      expect(thrownBy(() => roundTrip(name, value))).toMatchObject({ code: 'RU_SERIALIZATION' });
    }
  });

  test('takes objects without a prototype and of another realm as plain', () => {
    const bare = Object.assign(Object.create(null) as object, { a: [1] });
    expect(roundTrip(name, bare)).toEqual({ a: [1] });
    expect(roundTrip(name, vm.runInNewContext('({ a: [1], b: { c: null } })'))).toEqual({ a: [1], b: { c: null } });
  });

  test.each([
    ['undefined', undefined, '$'],
    ['a function', { a: { b: () => 1 } }, '$.a.b'],
    ['a symbol', [Symbol('x')], '$[0]'],
    ['a class instance', { user: new User() }, '$.user'],
    ['a subclass of Array', { list: new List() }, '$.list'],
    ['a hole', { list: withHole() }, '$.list[1]'],
    ['a lone surrogate', { 'first name': 'a\uD800' }, '$["first name"]'],
    ['a lone surrogate in a name', { a: { '\uD800': 1 } }, '$.a'],
    ['an own property named __proto__', { a: JSON.parse('{"__proto__":1}') as unknown }, '$.a'],
    ['a promise', [Promise.resolve()], '$[0]'],
    ['a DataView', new DataView(new ArrayBuffer(1)), '$'],
  ])('refuses %s and names its place', (_what, value, path) => {
    expect(thrownBy(() => CODECS[name].encode(value, PLACE))).toMatchObject({
      name: 'SerializationError',
      code: 'RU_SERIALIZATION',
      path,
      key: PLACE.key,
    });
  });
});

describe('what only some formats carry', () => {
  const refusedBy: [string, unknown, CodecName[]][] = [
    ['NaN', NaN, ['json']],
    ['Infinity', -Infinity, ['json']],
    ['a bigint', 2n ** 63n, ['json']],
    ['a bigint beyond 64 bits', 2n ** 64n, ['json', 'default', 'portable']],
    ['bytes', Buffer.from([1]), ['json']],
    ['a Map', new Map([['a', 1]]), ['json', 'default', 'portable']],
    ['a Set', new Set(['a']), ['json', 'default', 'portable']],
    ['a RegExp', /a/giu, ['json', 'default', 'portable']],
    ['an Error', new TypeError('no'), ['json', 'default', 'portable']],
    ['a Float32Array', Float32Array.of(1, 2, 3), ['json', 'default', 'portable']],
  ];
  const cases = refusedBy.flatMap(([what, value, names]) => ALL.map((name) => ({ what, value, name, names })));

  test.each(cases)('$name and $what: either it comes back or it is refused', ({ value, name, names }) => {
    if (!names.includes(name)) return expect(roundTrip(name, value)).toEqual(value);
    return expect(thrownBy(() => roundTrip(name, value))).toMatchObject({ code: 'RU_SERIALIZATION', path: '$' });
  });

  test('the message says what would carry the value, and shows none of it', () => {
    const error = thrownBy(() => CODECS.default.encode({ user: { tags: new Map([['secret', 1]]) } }, PLACE)) as Error;
    expect(error.message).toBe(
      'Cannot store the value of "ru:cache:{user:1}": $.user.tags: expected plain data, got a Map – ' +
        "use msgpack({ profile: 'rich' })",
    );
  });

  test.each(JS_ONLY)('%s keeps undefined inside objects and arrays, and Dates to the millisecond', (name) => {
    const value = {
      a: undefined,
      b: [undefined],
      c: [0, 1, -1, 1_763_856_000_123, 8.64e15, -8.64e15].map((ms) => new Date(ms)),
    };
    expect(roundTrip(name, value)).toStrictEqual(value);
  });

  test.each(['portable', 'json'] as const)('%s leaves undefined properties out', (name) => {
    expect(roundTrip(name, { a: 1, b: undefined })).toStrictEqual({ a: 1 });
    expect(thrownBy(() => roundTrip(name, { a: [1, undefined] }))).toMatchObject({ path: '$.a[1]' });
  });

  test.each(['portable', 'json'] as const)('%s refuses an invalid Date', (name) => {
    expect(thrownBy(() => roundTrip(name, new Date(NaN)))).toMatchObject({ path: '$' });
  });

  test('bytes come back as a Buffer, and rich keeps a Uint8Array one', () => {
    for (const name of ['default', 'portable', 'raw'] as const) {
      const back = roundTrip(name, new Uint8Array([1, 200]));
      expect(Buffer.isBuffer(back) && back.equals(Buffer.from([1, 200]))).toBe(true);
    }
    expect(roundTrip('rich', new Uint8Array([1, 200]))).toStrictEqual(new Uint8Array([1, 200]));
    expect(roundTrip('rich', Buffer.from([1, 200]))).toStrictEqual(Buffer.from([1, 200]));
  });

  test('raw takes bytes only', () => {
    expect(thrownBy(() => CODECS.raw.encode('text', PLACE))).toMatchObject({ code: 'RU_SERIALIZATION' });
  });

  test('a value owns its memory: reusing the stored bytes does not change it', () => {
    for (const name of ['default', 'portable', 'rich', 'raw'] as const) {
      const bytes = Buffer.from(CODECS[name].encode(Buffer.from('data'), PLACE));
      const back = CODECS[name].decode(bytes, PLACE);
      bytes.fill(0);
      expect(String(back)).toBe('data');
    }
  });

  test('the stored bytes are not touched by reading them, nor by encoding more', () => {
    for (const name of ALL) {
      const bytes = CODECS[name].encode({ a: 'first' }, PLACE);
      const before = Buffer.from(bytes).toString('hex');
      for (let index = 0; index < 2_000; index += 1) CODECS[name].encode({ b: index }, PLACE);
      CODECS[name].decode(bytes, PLACE);
      expect(Buffer.from(bytes).toString('hex')).toBe(before);
      expect(Object.keys(bytes)).toHaveLength(bytes.length);
    }
  });

  test.each(ALL)('%s writes everything right where its memory has to grow', (name) => {
    const binary = name === 'json' ? 'x' : Buffer.from('0123456789');
    const tail = [
      300,
      70_000,
      -5,
      -100,
      -300,
      -70_000,
      2 ** 40,
      0.5,
      true,
      null,
      'é',
      'x'.repeat(40),
      { k: [{}] },
      binary,
    ];
    for (const boundary of [8_192, 16_384]) {
      for (let length = boundary - 160; length <= boundary + 8; length += 1) {
        const value = ['p'.repeat(length), ...tail];
        if (!isDeepStrictEqual(roundTrip(name, value), value)) {
          throw new Error(`wrong with ${length} bytes of text in front`);
        }
      }
    }
  });

  test('an accessor that encodes something by itself does no harm', () => {
    for (const name of ALL) {
      const inner = {
        a: 1,
        get b() {
          return CODECS[name].encode({ c: 2 }, PLACE).length;
        },
        d: 'x',
      };
      expect(roundTrip(name, inner)).toEqual({ ...inner });
    }
  });
});

describe('rich', () => {
  test('keeps nested Maps and Sets with keys of any type, in order', () => {
    const value = new Map<unknown, unknown>([
      [1, new Set([[1], 'a', null])],
      ['1', new Map([[{ k: 1 }, undefined]])],
      [new Date(0), 2n ** 200n],
      [null, -(2n ** 64n)],
    ]);
    expect(roundTrip('rich', value)).toStrictEqual(value);
  });

  test('keeps name, message and code of an Error, and nothing else', () => {
    class PaymentError extends Error {
      override name = 'PaymentError';
    }
    const error = Object.assign(new PaymentError('declined'), { code: 'E_CARD', card: '4111' });
    const back = roundTrip('rich', { error }) as { error: Error & { code: string; card?: string } };
    expect(back.error).toBeInstanceOf(Error);
    expect([back.error.name, back.error.message, back.error.code]).toEqual(['PaymentError', 'declined', 'E_CARD']);
    expect(back.error.card).toBeUndefined();
    expect(back.error.stack).toBe('PaymentError: declined');
    expect(roundTrip('rich', new RangeError('x'))).toBeInstanceOf(RangeError);
  });

  test.each([
    new Int8Array([-1]),
    new Uint8ClampedArray([300]),
    new Int16Array([-300]),
    new Uint32Array([2 ** 32 - 1]),
    new Float64Array([0.1, NaN]),
    new BigInt64Array([-5n]),
    new BigUint64Array([2n ** 64n - 1n]),
    new Float32Array(new Float32Array([1, 2, 3]).buffer, 4, 1),
  ])('keeps typed arrays of each kind: %o', (view) => {
    expect(roundTrip('rich', [view])).toStrictEqual([view]);
  });

  test('names the place of a refusal inside Maps and Sets', () => {
    const value = { m: new Map([['k', new Set([1, () => 1])]]) };
    expect(thrownBy(() => roundTrip('rich', value))).toMatchObject({ path: '$.m.k[1]' });
  });
});
