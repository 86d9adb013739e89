import { describe, expect, test } from 'vitest';
import { type CodecOptions, Keyring, createCodec, generateKey, msgpack } from '../../../src/codec/index.js';
import { thrownBy } from './contexts.js';

const encryption = Keyring.of({ active: 'k', keys: { k: generateKey() } });

describe('the options of a codec', () => {
  test.each([
    ['codec.compresion', { compresion: {} } as CodecOptions],
    ['codec.serializer', { serializer: 'json' as never }],
    ['codec.compression.treshold', { compression: { treshold: 1 } as never }],
    ['codec.compression.threshold', { compression: { threshold: 0 } }],
    ['codec.compression.maxSize', { compression: { maxSize: Infinity } }],
    ['codec.compression.algorithm', { compression: { algorithm: 'lz4' as never } }],
    ['codec.encryption', { encryption: {} as never }],
    ['codec.envelope', { envelope: 'no' as never }],
    ['codec.envelope', { envelope: false, encryption }],
    ['codec.envelope', { envelope: false, compression: {} }],
    ['codec.envelope', { envelope: false, foreign: 'json' }],
    ['codec.foreign', { foreign: 'xml' as never }],
    ['codec.allowPlaintext', { allowPlaintext: 1 as never }],
  ] as [string, CodecOptions][])('%s is named when it is wrong', (option, options) => {
    expect(thrownBy(() => createCodec(options))).toMatchObject({ code: 'RU_CONFIG', issues: [{ option }] });
  });

  test('may all be undefined', () => {
    expect(() =>
      createCodec({
        serializer: undefined,
        compression: { threshold: undefined, algorithm: undefined, maxSize: undefined },
        encryption: undefined,
        envelope: undefined,
        foreign: undefined,
        allowPlaintext: undefined,
      }),
    ).not.toThrow();
  });

  test('an unknown profile is named', () => {
    expect(thrownBy(() => msgpack({ profile: 'fast' as never }))).toMatchObject({
      issues: [{ option: 'msgpack.profile' }],
    });
  });
});
