import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createCodec, json, raw } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const HAS_ZSTD = 'zstdCompressSync' in zlib;
const ALGORITHMS = [...(HAS_ZSTD ? (['zstd'] as const) : []), 'brotli', 'gzip'] as const;
const FLAG = { none: 0, zstd: 1, brotli: 2, gzip: 3 } as const;
const TEXT = 'the quick brown fox '.repeat(400);

function algorithmOf(bytes: Uint8Array): number {
  return ((bytes[2] ?? 0) >> 3) & 3;
}

describe('compression', () => {
  test.each(ALGORITHMS)('with %s comes back in every codec, whatever that one writes', (algorithm) => {
    const bytes = createCodec({ compression: { algorithm } }).encode(TEXT, PLACE);
    expect(algorithmOf(bytes)).toBe(FLAG[algorithm]);
    expect(bytes.length).toBeLessThan(TEXT.length / 10);
    expect(createCodec().decode(bytes, PLACE)).toBe(TEXT);
    expect(createCodec({ compression: {}, serializer: json() }).decode(bytes, PLACE)).toBe(TEXT);
  });

  test('is off unless asked for', () => {
    expect(algorithmOf(createCodec().encode(TEXT, PLACE))).toBe(FLAG.none);
    expect(algorithmOf(createCodec({ compression: false }).encode(TEXT, PLACE))).toBe(FLAG.none);
  });

  test('auto is zstd where Node has it, else brotli', () => {
    expect(algorithmOf(createCodec({ compression: {} }).encode(TEXT, PLACE))).toBe(HAS_ZSTD ? FLAG.zstd : FLAG.brotli);
  });

  test('starts at the threshold, counted in serialized bytes', () => {
    const codec = createCodec({ serializer: raw(), compression: { threshold: 100, algorithm: 'gzip' } });
    expect(algorithmOf(codec.encode(Buffer.alloc(99), PLACE))).toBe(FLAG.none);
    expect(algorithmOf(codec.encode(Buffer.alloc(100), PLACE))).toBe(FLAG.gzip);
  });

  test('is left out where it saves less than a tenth', () => {
    const random = Buffer.from(
      Array.from({ length: 5_000 }, (_, index) => (index * index * 31 + (index >> 3) * 97) & 255),
    );
    const incompressible = zlib.gzipSync(random);
    const codec = createCodec({ serializer: raw(), compression: { threshold: 1, algorithm: 'gzip' } });
    expect(algorithmOf(codec.encode(incompressible, PLACE))).toBe(FLAG.none);
    expect(codec.decode(codec.encode(incompressible, PLACE), PLACE)).toEqual(incompressible);
  });

  test.each(ALGORITHMS)('a %s bomb is refused before it fills the memory', (algorithm) => {
    const writer = createCodec({ serializer: raw(), compression: { algorithm } });
    const bomb = writer.encode(Buffer.alloc(32 * 1024 * 1024), PLACE);
    expect(bomb.length).toBeLessThan(256 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    const reader = createCodec({ compression: { maxSize: 1024 * 1024 } });
    expect(thrownBy(() => reader.decode(bomb, PLACE))).toMatchObject({ code: 'RU_DECODE', reason: 'too-large' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });

  test('the cap holds to the byte, and larger values are stored as they are', () => {
    const codec = createCodec({ serializer: raw(), compression: { maxSize: 2048, algorithm: 'gzip' } });
    const fits = codec.encode(Buffer.alloc(2048), PLACE);
    expect(algorithmOf(fits)).toBe(FLAG.gzip);
    expect(codec.decode(fits, PLACE)).toEqual(Buffer.alloc(2048));
    expect(algorithmOf(codec.encode(Buffer.alloc(2049), PLACE))).toBe(FLAG.none);
    const larger = createCodec({ serializer: raw(), compression: { algorithm: 'gzip' } }).encode(
      Buffer.alloc(2049),
      PLACE,
    );
    expect(thrownBy(() => codec.decode(larger, PLACE))).toMatchObject({ reason: 'too-large' });
  });

  test('a payload that does not inflate is malformed', () => {
    for (const flags of [FLAG.brotli, FLAG.gzip]) {
      const payload = Buffer.from('no such stream');
      const head = Buffer.from([0xc1, 1, (flags << 3) | 1, 0, 0, 0, 0]);
      head.writeUInt32BE(zlib.crc32(payload, zlib.crc32(head.subarray(0, 3))), 3);
      const error = thrownBy(() => createCodec().decode(Buffer.concat([head, payload]), PLACE));
      expect(error).toMatchObject({ code: 'RU_DECODE', reason: 'malformed' });
    }
  });

  test.skipIf(HAS_ZSTD)('a zstd value on a Node without zstd is an error that names the Node it needs', () => {
    const payload = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    const head = Buffer.from([0xc1, 1, (FLAG.zstd << 3) | 1, 0, 0, 0, 0]);
    head.writeUInt32BE(zlib.crc32(payload, zlib.crc32(head.subarray(0, 3))), 3);
    const error = thrownBy(() => createCodec().decode(Buffer.concat([head, payload]), PLACE)) as Error;
    expect(error).toMatchObject({ reason: 'runtime' });
    expect(error.message).toContain('22.15');
    expect(() => createCodec({ compression: { algorithm: 'zstd' } })).toThrow(/22\.15/);
  });
});
