import { describe, expect, test } from 'vitest';
import { type CodecContext, Keyring, createCodec, generateKey } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const K1 = generateKey();
const K2 = generateKey();
const VALUE = { user: 'u1', roles: ['admin'] };

const ring1 = Keyring.of({ active: 'k1', keys: { k1: K1 } });
const ring12 = Keyring.of({ active: 'k1', keys: { k1: K1, k2: K2 } });
const ring21 = Keyring.of({ active: 'k2', keys: { k1: K1, k2: K2 } });
const ring2 = Keyring.of({ active: 'k2', keys: { k1: K1, k2: K2 }, retired: ['k1'] });

const codec = createCodec({ encryption: ring1 });

function sealed(context: CodecContext = PLACE): Buffer {
  return Buffer.from(codec.encode(VALUE, context));
}

describe('an encrypted value', () => {
  test('comes back, costs 47 bytes, and never looks the same twice', () => {
    expect(codec.decode(sealed(), PLACE)).toEqual(VALUE);
    expect(sealed().length - createCodec({ envelope: false }).encode(VALUE, PLACE).length).toBe(7 + 24 + 16);
    expect(sealed().equals(sealed())).toBe(false);
    expect(sealed().includes('admin')).toBe(false);
  });

  test('with any one bit flipped is never accepted', () => {
    const bytes = sealed();
    const codes: Record<string, number> = {};
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const { code, reason } = thrownBy(() => codec.decode(changed, PLACE)) as { code: string; reason: string };
      codes[`${code} ${reason}`] = (codes[`${code} ${reason}`] ?? 0) + 1;
    }
    expect(codes).toEqual({
      // the first byte, and the flag that says encrypted
      'RU_ENCRYPTION not-encrypted': 8 + 1,
      // the kind, two reserved flags, and serializer 1 → 5
      'RU_DECODE version': 8 + 2 + 1,
      'RU_ENCRYPTION unknown-key': 32,
      // the other four flags, nonce, ciphertext and tag
      'RU_ENCRYPTION tampered': 4 + (bytes.length - 7) * 8,
    });
  });

  test('cut short anywhere is never accepted', () => {
    const bytes = sealed();
    for (let length = 0; length < bytes.length; length += 1) {
      const reason = length === 0 ? 'not-encrypted' : length < 7 + 24 + 16 ? 'truncated' : 'tampered';
      expect(thrownBy(() => codec.decode(bytes.subarray(0, length), PLACE))).toMatchObject({ reason });
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(thrownBy(() => codec.decode(longer, PLACE))).toMatchObject({ reason: 'tampered' });
  });

  const session: CodecContext = { domain: 'session', key: 'ru:session:{a}', field: 'data', bound: ['1', '2'] };
  const elsewhere: [string, CodecContext][] = [
    ['another key', { ...session, key: 'ru:session:{b}' }],
    ['another prefix', { ...session, key: 'app:session:{a}' }],
    ['another domain', { ...session, domain: 'cache' }],
    ['another field', { ...session, field: 'user' }],
    ['no field', { ...session, field: undefined }],
    ['another deadline', { ...session, bound: ['1', '3'] }],
    ['fewer bound facts', { ...session, bound: ['1'] }],
    ['more bound facts', { ...session, bound: ['1', '2', ''] }],
    ['the same text cut elsewhere', { ...session, bound: ['12', ''] }],
    ['a part moved from the key to the field', { ...session, key: 'ru:session:{a', field: '}data' }],
  ];
  test.each(elsewhere)('does not open at %s', (_what, context) => {
    const bytes = codec.encode(VALUE, session);
    expect(codec.decode(bytes, session)).toEqual(VALUE);
    expect(thrownBy(() => codec.decode(bytes, context))).toMatchObject({
      name: 'EncryptionError',
      code: 'RU_ENCRYPTION',
      reason: 'tampered',
      key: context.key,
    });
  });

  test('follows the rotation of keys in two steps', () => {
    const old = createCodec({ encryption: ring12 }).encode(VALUE, PLACE);
    const fresh = createCodec({ encryption: ring21 }).encode(VALUE, PLACE);
    for (const ring of [ring12, ring21]) {
      expect(createCodec({ encryption: ring }).decode(old, PLACE)).toEqual(VALUE);
      expect(createCodec({ encryption: ring }).decode(fresh, PLACE)).toEqual(VALUE);
    }
    expect(thrownBy(() => createCodec({ encryption: ring1 }).decode(fresh, PLACE))).toMatchObject({
      reason: 'unknown-key',
      retired: false,
      keyId: ring21.describe()[1]?.id,
    });
    expect(thrownBy(() => createCodec({ encryption: ring2 }).decode(old, PLACE))).toMatchObject({
      reason: 'unknown-key',
      retired: true,
    });
  });

  test('needs a key ring to be read', () => {
    expect(thrownBy(() => createCodec().decode(sealed(), PLACE))).toMatchObject({ reason: 'unknown-key' });
  });

  test('opens with the key that it names and no other, even if that one would fit', () => {
    const bytes = sealed();
    bytes.writeUInt32BE(Number.parseInt(ring21.describe()[1]?.id ?? '', 16), 3);
    expect(thrownBy(() => createCodec({ encryption: ring21 }).decode(bytes, PLACE))).toMatchObject({
      reason: 'tampered',
    });
  });

  test('is compressed before, if asked for', () => {
    const value = 'compress me '.repeat(500);
    const both = createCodec({ encryption: ring1, compression: { algorithm: 'gzip' } });
    const bytes = both.encode(value, PLACE);
    expect(bytes.length).toBeLessThan(value.length / 10);
    expect(both.decode(bytes, PLACE)).toBe(value);
    expect(codec.decode(bytes, PLACE)).toBe(value);
    expect(codec.encode(value, PLACE).length).toBeGreaterThan(value.length);
  });
});

describe('a value that is not encrypted, under a key ring', () => {
  const plain = createCodec().encode(VALUE, PLACE);
  const foreign = Buffer.from('{"a":1}');

  test('is refused, with and without an envelope', () => {
    const strict = createCodec({ encryption: ring1, foreign: 'json' });
    for (const bytes of [plain, foreign, Buffer.alloc(0)]) {
      expect(thrownBy(() => strict.decode(bytes, PLACE))).toMatchObject({
        code: 'RU_ENCRYPTION',
        reason: 'not-encrypted',
      });
    }
  });

  test('is read with allowPlaintext, and written encrypted', () => {
    const migrating = createCodec({ encryption: ring1, allowPlaintext: true });
    expect(migrating.decode(plain, PLACE)).toEqual(VALUE);
    expect(codec.decode(migrating.encode(VALUE, PLACE), PLACE)).toEqual(VALUE);
    expect(thrownBy(() => migrating.decode(foreign, PLACE))).toMatchObject({ code: 'RU_FOREIGN_VALUE' });
    const both = createCodec({ encryption: ring1, allowPlaintext: true, foreign: 'json' });
    expect(both.decode(foreign, PLACE)).toEqual({ a: 1 });
  });
});
