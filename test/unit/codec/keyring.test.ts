import { createHmac, createSecretKey } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type KeyInput, Keyring, createCodec, generateKey } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const BYTES = Buffer.from('00112233445566778899aabbccddeeff00fedcba9876543210fedcba98765432', 'hex');

function idOf(bytes: Buffer): string {
  return createHmac('sha256', bytes).update('redis-utils/kid/v1').digest('hex').slice(0, 8);
}

describe('a key', () => {
  test.each([
    ['base64', BYTES.toString('base64')],
    ['base64 without padding', BYTES.toString('base64').replace('=', '')],
    ['base64url', BYTES.toString('base64url')],
    ['hex', BYTES.toString('hex')],
    ['HEX', BYTES.toString('hex').toUpperCase()],
    ['a Buffer', BYTES],
    ['a Uint8Array', new Uint8Array(BYTES)],
    ['a KeyObject', createSecretKey(BYTES)],
  ] as [string, KeyInput][])('is taken as %s, and its id is the same', (_what, input) => {
    expect(Keyring.of({ active: 'k', keys: { k: input } }).describe()).toEqual([
      { name: 'k', id: idOf(BYTES), status: 'active' },
    ]);
  });

  test.each([
    ['a passphrase', 'correct horse battery staple'],
    ['a passphrase of 32 letters', 'abcdefghijklmnopqrstuvwxyzabcdef'],
    ['31 bytes', BYTES.subarray(1)],
    ['31 bytes in base64', BYTES.subarray(1).toString('base64')],
    ['base64 with a stray character', ` ${BYTES.toString('base64')}`],
    ['an empty string', ''],
    ['a KeyObject of 16 bytes', createSecretKey(BYTES.subarray(16))],
    ['a number', 5 as unknown as KeyInput],
  ])('is not %s, and the error does not show it', (_what, input) => {
    const error = thrownBy(() => Keyring.of({ active: 'k', keys: { k: input } })) as Error;
    expect(error).toMatchObject({ code: 'RU_CONFIG', issues: [{ option: 'keyring.keys.k' }] });
    expect(error.message).not.toMatch(/horse|abcdef|00112233|ABEi/);
  });

  test('that generateKey makes is random and fits an environment variable', () => {
    expect(generateKey()).toMatch(/^[\w-]{43}$/);
    expect(generateKey()).not.toBe(generateKey());
    expect(() => Keyring.of({ active: 'k', keys: { k: generateKey() } })).not.toThrow();
  });
});

describe('Keyring.of', () => {
  const other = generateKey();

  test('refuses one key under two names', () => {
    expect(() => Keyring.of({ active: 'a', keys: { a: BYTES, b: BYTES.toString('hex') } })).toThrow(/same key as `a`/);
    expect(() => Keyring.of({ active: 'a', keys: { a: BYTES }, retired: [idOf(BYTES)] })).toThrow(/same key as `a`/);
  });

  test.each([
    ['an active key that is missing', { active: 'x', keys: { a: BYTES } }],
    ['an active key that is retired', { active: 'a', keys: { a: BYTES, b: other }, retired: ['a'] }],
    ['a retired name that is unknown', { active: 'a', keys: { a: BYTES }, retired: ['old'] }],
    ['a name with a colon', { active: 'a:b', keys: { 'a:b': BYTES } }],
    ['no keys', { active: 'a', keys: {} }],
    ['an unknown option', { active: 'a', keys: { a: BYTES }, retire: [] }],
  ])('refuses %s', (_what, options) => {
    expect(thrownBy(() => Keyring.of(options))).toMatchObject({ code: 'RU_CONFIG' });
  });

  test('knows a retired key by its id after the key itself is gone', () => {
    const bytes = createCodec({ encryption: Keyring.of({ active: 'a', keys: { a: BYTES } }) }).encode(1, PLACE);
    const ring = Keyring.of({ active: 'b', keys: { b: other }, retired: [idOf(BYTES)] });
    expect(thrownBy(() => createCodec({ encryption: ring }).decode(bytes, PLACE))).toMatchObject({
      reason: 'unknown-key',
      retired: true,
      keyId: idOf(BYTES),
    });
  });

  test('never shows its keys', () => {
    const ring = Keyring.of({ active: 'a', keys: { a: BYTES } });
    const shown = [
      inspect(ring, { depth: 9, showHidden: true }),
      JSON.stringify(ring),
      String(ring),
      inspect({ ring }),
    ];
    expect(shown[0]).toBe(`Keyring { a ${idOf(BYTES)} active }`);
    for (const text of shown) expect(text).not.toMatch(/00112233|ABEiM0|<Buffer/);
    expect(inspect(ring.active, { showHidden: true, depth: 9 })).not.toMatch(/00 11 22|ABEiM0|<Buffer/);
  });
});

describe('Keyring.fromEnv', () => {
  const old = generateKey();

  test('reads the active key first, then the others, then retired ids', () => {
    const value = `k2:${BYTES.toString('base64')}, k1:${old} ,retired:1a2b3c4d`;
    const ring = Keyring.fromEnv('KEYS', { KEYS: value });
    expect(ring.describe()).toMatchObject([
      { name: 'k2', id: idOf(BYTES), status: 'active' },
      { name: 'k1', status: 'readable' },
      { name: undefined, id: '1a2b3c4d', status: 'retired' },
    ]);
    expect(Keyring.fromEnv(undefined, { REDIS_UTILS_KEYS: `k:${old}` }).describe()).toHaveLength(1);
  });

  test.each([
    [undefined],
    [''],
    ['secretkey'],
    [`a:${old}:b`],
    [`a:${old},a:${generateKey()}`],
    ['a:secretkey'],
    ['retired:1a2b3c4d'],
    [`${old}:a`],
    [`a:${old},retired:${old}`],
  ])('refuses a wrong variable and names it, without its content', (value) => {
    const error = thrownBy(() => Keyring.fromEnv('KEYS', { KEYS: value })) as Error;
    expect(error).toMatchObject({ code: 'RU_CONFIG' });
    expect(error.message).toContain('KEYS');
    expect(error.message).not.toContain('secretkey');
    expect(error.message).not.toContain(old);
  });
});
