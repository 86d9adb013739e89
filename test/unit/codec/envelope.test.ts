import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createCodec, json, msgpack, raw } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const VALUE = { id: 42, name: 'Ada', tags: ['a', 'b'], when: 1_763_856_000_000 };
const SERIALIZERS = [
  [0, raw(), Buffer.from('bytes')],
  [1, msgpack(), VALUE],
  [2, msgpack({ profile: 'portable' }), VALUE],
  [3, msgpack({ profile: 'rich' }), VALUE],
  [4, json(), VALUE],
] as const;

const codec = createCodec();

function withHeader(header: readonly number[], payload: Buffer): Buffer {
  const head = Buffer.from(header);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(payload, crc32(head)));
  return Buffer.concat([head, checksum, payload]);
}

describe('the plain envelope', () => {
  test.each(SERIALIZERS)('of serializer %i is C1 01 flags CRC-32 payload', (id, serializer, value) => {
    const bytes = Buffer.from(createCodec({ serializer }).encode(value, PLACE));
    const payload = createCodec({ serializer, envelope: false }).encode(value, PLACE);
    expect(bytes).toEqual(withHeader([0xc1, 0x01, id], Buffer.from(payload)));
  });

  test.each(SERIALIZERS)('of serializer %i is read by a codec with any other', (_id, serializer, value) => {
    const bytes = createCodec({ serializer }).encode(value, PLACE);
    for (const [, other] of SERIALIZERS) {
      expect(createCodec({ serializer: other }).decode(bytes, PLACE)).toEqual(value);
    }
  });

  test('is read from a Uint8Array that is no Buffer, at any offset', () => {
    const bytes = codec.encode(VALUE, PLACE);
    const larger = new Uint8Array(bytes.length + 20).fill(0xff);
    larger.set(bytes, 13);
    expect(codec.decode(larger.subarray(13, 13 + bytes.length), PLACE)).toEqual(VALUE);
  });

  test('with any one bit flipped is an error, never another value', () => {
    for (const foreign of [undefined, 'json', 'msgpack'] as const) {
      const reader = createCodec({ foreign });
      const bytes = Buffer.from(codec.encode(VALUE, PLACE));
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(thrownBy(() => reader.decode(bytes, PLACE))).toMatchObject({
          code: expect.stringMatching(/^RU_(DECODE|FOREIGN_VALUE|ENCRYPTION)$/) as string,
        });
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      }
    }
  });

  test('cut short anywhere, or with bytes after it, is an error', () => {
    const bytes = Buffer.from(codec.encode(VALUE, PLACE));
    for (let length = 1; length < bytes.length; length += 1) {
      const reason = length < 7 ? 'truncated' : 'checksum';
      expect(thrownBy(() => codec.decode(bytes.subarray(0, length), PLACE))).toMatchObject({
        code: 'RU_DECODE',
        reason,
      });
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(thrownBy(() => codec.decode(longer, PLACE))).toMatchObject({ reason: 'checksum' });
  });

  test.each([
    ['another kind', [0xc1, 0x02, 0x01]],
    ['a reserved flag', [0xc1, 0x01, 0x41]],
    ['the other reserved flag', [0xc1, 0x01, 0x81]],
    ['an unknown serializer', [0xc1, 0x01, 0x05]],
  ])('of %s is refused as of a newer version, although its checksum is right', (_what, header) => {
    const bytes = withHeader(header, Buffer.from([1]));
    expect(thrownBy(() => codec.decode(bytes, PLACE))).toMatchObject({ code: 'RU_DECODE', reason: 'version' });
  });

  test.each([
    ['msgpack with bytes after the value', 1, Buffer.from([1, 2])],
    ['msgpack that ends early', 1, Buffer.from([0x92, 1])],
    ['no msgpack at all', 1, Buffer.alloc(0)],
    ['msgpack that refers to itself', 1, Buffer.from('d6690000000191d67000000001', 'hex')],
    ['msgpack with __proto__', 1, Buffer.from('81a95f5f70726f746f5f5f81a178c3', 'hex')],
    ['msgpack with the same key twice', 1, Buffer.from('82a16101a16102', 'hex')],
    ['portable with bytes after the value', 2, Buffer.from([1, 2])],
    ['rich with an extension of no known type', 3, Buffer.from([0xd4, 0x55, 0])],
    ['rich with a typed array of a wrong length', 3, Buffer.from([0xc7, 2, 7, 7, 1])],
    ['bad JSON', 4, Buffer.from('{"card":"4111"')],
    ['JSON with __proto__', 4, Buffer.from('{"a":[{"__proto__":{"x":1}}]}')],
    ['JSON with __proto__ spelled otherwise', 4, Buffer.from('{"\\u005f_proto__":1}')],
    ['JSON that is not UTF-8', 4, Buffer.from([0x22, 0xc3, 0x28, 0x22])],
  ])('whose payload is %s is malformed, and the message shows none of it', (_what, serializer, payload) => {
    const error = thrownBy(() => codec.decode(withHeader([0xc1, 1, serializer], payload), PLACE)) as Error;
    expect(error).toMatchObject({ name: 'DecodeError', code: 'RU_DECODE', reason: 'malformed', key: PLACE.key });
    expect(error.cause).toBeUndefined();
    expect(JSON.stringify(error)).not.toMatch(/4111|__proto__":\{/);
  });
});

describe('a value without an envelope', () => {
  test.each([['{"a":1}'], ['42'], ['']])('%j is a ForeignValueError', (text) => {
    expect(thrownBy(() => codec.decode(Buffer.from(text), PLACE))).toMatchObject({
      name: 'ForeignValueError',
      code: 'RU_FOREIGN_VALUE',
      key: PLACE.key,
    });
  });

  test('is read where `foreign` says how', () => {
    const decode = (foreign: 'json' | 'msgpack' | 'raw', bytes: Buffer): unknown =>
      createCodec({ foreign }).decode(bytes, PLACE);
    expect(decode('json', Buffer.from('{"a":[1,null]}'))).toEqual({ a: [1, null] });
    expect(decode('msgpack', Buffer.from('82a16101a162cf0000000100000000', 'hex'))).toEqual({ a: 1, b: 2 ** 32 });
    expect(decode('msgpack', Buffer.from('d6ff00000005', 'hex'))).toEqual(new Date(5000));
    expect(decode('msgpack', Buffer.from('c70cff1dcd6500ffffffffffffffff', 'hex'))).toEqual(new Date(-500));
    expect(decode('msgpack', Buffer.from('d7ff7735940000000005', 'hex'))).toEqual(new Date(5500));
    expect(decode('raw', Buffer.from('plain'))).toEqual(Buffer.from('plain'));
    expect(decode('raw', Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    expect(decode('json', Buffer.from(codec.encode(VALUE, PLACE)))).toEqual(VALUE);
  });

  test.each([
    ['json', Buffer.from('{"a":')],
    ['json', Buffer.alloc(0)],
    ['msgpack', Buffer.from([0x91, 0xc1])],
    ['msgpack', Buffer.from([1, 1])],
  ] as const)('that %s cannot read is malformed', (foreign, bytes) => {
    const error = thrownBy(() => createCodec({ foreign }).decode(bytes, PLACE));
    expect(error).toMatchObject({ code: 'RU_DECODE', reason: 'malformed' });
  });
});

describe('envelope: false', () => {
  test('stores what the serializer gives, and reads it strictly', () => {
    const bare = createCodec({ envelope: false });
    const value = { a: new Date(5), b: [undefined, 5n, 2 ** 40] };
    expect(bare.decode(bare.encode(value, PLACE), PLACE)).toStrictEqual(value);
    expect(Buffer.from(createCodec({ serializer: json(), envelope: false }).encode({ a: 1 }, PLACE)).toString()).toBe(
      '{"a":1}',
    );
    for (const bytes of [
      codec.encode(VALUE, PLACE),
      Buffer.from([0x91, 0xc1]),
      Buffer.from([0xd4, 0x72, 0x40, 0x90]),
    ]) {
      expect(thrownBy(() => bare.decode(bytes, PLACE))).toMatchObject({ reason: 'malformed' });
    }
  });
});
