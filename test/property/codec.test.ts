import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CodecContext,
  CodecError,
  Keyring,
  createCodec,
  generateKey,
  json,
  msgpack,
} from '../../src/codec/index.js';

const RUNS = { numRuns: 100 };
const PLACE: CodecContext = { domain: 'value', key: 'k' };

const text = fc
  .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 300 }))
  .filter((s) => s.isWellFormed());
const name = text.filter((s) => s !== '__proto__');
/** -0 comes back as 0, by design. */
const finite = fc
  .oneof(fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .map((n) => n + 0);
const anyNumber = fc.double().map((n) => n + 0);
const bytes = fc.uint8Array().map((array) => Buffer.from(array));
const bigint64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
const wideBigint = bigint64.filter((n) => n > 2n ** 53n || n < -(2n ** 53n));

function tree(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(name, tie('value'), { maxKeys: 20, noNullPrototype: true }),
    ),
  })).value;
}

const common = fc.oneof(fc.constant(null), fc.boolean(), text, finite);
const VALUES = {
  json: tree(common),
  portable: tree(fc.oneof(common, anyNumber, bytes, wideBigint)),
  default: tree(fc.oneof(common, anyNumber, bytes, bigint64, fc.date({ noInvalidDate: true }), fc.constant(undefined))),
  rich: tree(
    fc.oneof(
      common,
      anyNumber,
      bytes,
      fc.bigInt(),
      fc.date({ noInvalidDate: true }),
      fc.constant(undefined),
      fc.uint8Array(),
      fc.float32Array(),
      fc.uniqueArray(fc.tuple(text, common), { selector: ([key]) => key }).map((entries) => new Map(entries)),
      fc.array(common).map((items) => new Set(items)),
    ),
  ),
};
const SERIALIZERS = {
  json: json(),
  portable: msgpack({ profile: 'portable' }),
  default: msgpack(),
  rich: msgpack({ profile: 'rich' }),
};
const NAMES = Object.keys(SERIALIZERS) as (keyof typeof SERIALIZERS)[];
const encryption = Keyring.of({ active: 'k', keys: { k: generateKey() } });

describe.each(NAMES)('%s', (profile) => {
  const serializer = SERIALIZERS[profile];
  const plain = createCodec({ serializer });
  const full = createCodec({ serializer, encryption, compression: { threshold: 1 } });
  const bare = createCodec({ serializer, envelope: false });

  test('every value that is stored comes back, plain, bare, compressed and encrypted', () => {
    fc.assert(
      fc.property(
        VALUES[profile].filter((value) => value !== undefined),
        (value) => {
          for (const codec of [plain, full, bare]) {
            expect(codec.decode(codec.encode(value, PLACE), PLACE)).toStrictEqual(value);
          }
        },
      ),
      RUNS,
    );
  });

  test('arbitrary bytes give a value or an error of the codec, bare or behind a right checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        for (const read of [
          () => bare.decode(payload, PLACE),
          () => plain.decode(payload, PLACE),
          () => full.decode(Buffer.concat([full.encode(1, PLACE).subarray(0, 31), payload]), PLACE),
        ]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
          }
        }
      }),
      RUNS,
    );
  });

  test('two different places never open each other', () => {
    const place = fc.record({
      domain: fc.constantFrom('cache', 'session', 'pubsub', 'value'),
      key: text,
      field: text.filter((field) => field !== ''),
      bound: fc.array(text, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(place, place, (here, there) => {
        fc.pre(JSON.stringify(here) !== JSON.stringify(there));
        const sealed = full.encode(1, here);
        expect(full.decode(sealed, here)).toBe(1);
        expect(() => full.decode(sealed, there)).toThrow(CodecError);
      }),
      { numRuns: 30 },
    );
  });
});

test('what JSON and the default profile are given in common comes back the same from both', () => {
  fc.assert(
    fc.property(VALUES.json, (value) => {
      const a = createCodec();
      const b = createCodec({ serializer: json() });
      expect(a.decode(a.encode(value, PLACE), PLACE)).toStrictEqual(b.decode(b.encode(value, PLACE), PLACE));
    }),
    RUNS,
  );
});
