import { describe, expect, it } from 'vitest';

import { type CodecContext, createCodec, EncryptionError, generateKey, Keyring } from '../../../src/codec/index.js';

const codec = createCodec({ encryption: Keyring.of({ active: 'k', keys: { k: generateKey() } }) });

describe('the place of a value', () => {
  it('is of the domain "value" unless it says otherwise', () => {
    const sealed = codec.encode(1, { key: 'k' });
    expect(codec.decode(sealed, { key: 'k', domain: 'value' })).toBe(1);
    expect(() => codec.decode(sealed, { key: 'k', domain: 'cache' })).toThrow(EncryptionError);
  });

  it.each([undefined, {}, { key: 5 }])('must name a key: %j is refused', (context) => {
    expect(() => codec.encode(1, context as CodecContext)).toThrow(/`context\.key`/);
    expect(() => codec.decode(Buffer.from([0xc1]), context as CodecContext)).toThrow(/`context\.key`/);
  });
});
