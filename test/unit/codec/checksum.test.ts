import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checksum } from '../../../src/codec/checksum.js';

test('is the CRC-32 of zlib, for short and long parts alike, from any seed', () => {
  const parts = fc.record({
    bytes: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 400, maxLength: 700 })),
    start: fc.nat({ max: 20 }),
    seed: fc.nat({ max: 2 ** 32 - 1 }),
  });
  fc.assert(
    fc.property(parts, ({ bytes, start, seed }) => {
      const from = Math.min(start, bytes.length);
      // zlib forgets the seed when there are no bytes, as it then takes its argument for missing
      const expected = from === bytes.length ? seed : crc32(bytes.subarray(from), seed);
      expect(checksum(Buffer.from(bytes), from, seed)).toBe(expected);
    }),
  );
});
