import { createHash, createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Sealed, XaesKey } from '../../../src/codec/xaes.js';

const NONCE = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const PLAINTEXT = Buffer.from('XAES-256-GCM');

function keyOf(bytes: Buffer): XaesKey {
  return new XaesKey(createSecretKey(bytes));
}

function joined({ ciphertext, tag }: Sealed): Buffer {
  return Buffer.concat([ciphertext, tag]);
}

describe('XAES-256-GCM', () => {
  test.each([
    [0x01, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
    [0x03, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
  ])('gives the ciphertext of the C2SP vector for the key of bytes %i', (byte, data, expected) => {
    const sealed = keyOf(Buffer.alloc(32, byte)).seal(PLAINTEXT, Buffer.from(data), NONCE);
    expect(joined(sealed).toString('hex')).toBe(expected);
    expect(keyOf(Buffer.alloc(32, byte)).open(sealed, Buffer.from(data))).toEqual(PLAINTEXT);
  });

  test('gives the accumulated hash of the 10,000 C2SP cases, and opens every tenth', { timeout: 60_000 }, () => {
    const stream = createHash('shake128', { outputLength: 10_000 * 570 }).digest();
    let position = 0;
    const take = (length: number): Buffer => stream.subarray(position, (position += length));
    const hash = createHash('shake128', { outputLength: 32 });
    let opened = 0;
    for (let index = 0; index < 10_000; index += 1) {
      const key = keyOf(take(32));
      const nonce = take(24);
      const plaintext = take(take(1)[0] as number);
      const data = take(take(1)[0] as number);
      const sealed = key.seal(plaintext, data, nonce);
      hash.update(joined(sealed));
      if (index % 10 === 0 && key.open(sealed, data)?.equals(plaintext) === true) opened += 1;
    }
    expect(hash.digest('hex')).toBe('e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939');
    expect(opened).toBe(1_000);
  });

  test('a shortened tag or nonce opens nothing', () => {
    const key = keyOf(Buffer.alloc(32, 1));
    const sealed = key.seal(PLAINTEXT, Buffer.alloc(0), NONCE);
    expect(key.open({ ...sealed, tag: sealed.tag.subarray(0, 4) }, Buffer.alloc(0))).toBeUndefined();
    expect(key.open({ ...sealed, nonce: sealed.nonce.subarray(0, 23) }, Buffer.alloc(0))).toBeUndefined();
  });

  test('a printed key shows no secret', () => {
    expect(inspect(keyOf(Buffer.alloc(32, 1)), { depth: 5, showHidden: true })).toBe('XaesKey {}');
  });
});
