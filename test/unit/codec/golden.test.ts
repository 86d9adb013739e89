/** One envelope of each kind, as the first release wrote it. All of them must be readable for ever: never edit them. */
import { readFileSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type CodecContext, Keyring, createCodec } from '../../../src/codec/index.js';
import { thrownBy } from './contexts.js';

const PLAIN = {
  id: 42,
  name: 'Ada Löwe',
  big: 2 ** 40,
  part: 0.5,
  yes: true,
  nothing: null,
  list: [1, -1, 'x'],
  nested: { a: {} },
};

const VALUES: Record<string, unknown> = {
  raw: Buffer.from([0, 1, 0xc1, 255]),
  msgpack: { ...PLAIN, bytes: Buffer.from([1, 2]), at: new Date(1_763_856_000_123), none: undefined, wide: 2n ** 63n },
  'msgpack-portable': { ...PLAIN, bytes: Buffer.from([1, 2]), wide: 2n ** 63n },
  'msgpack-rich': {
    ...PLAIN,
    at: new Date(1_763_856_000_123),
    none: [undefined],
    huge: -(2n ** 100n),
    map: new Map<unknown, unknown>([['k', new Set([1, 'a'])]]),
    pattern: /a+/giu,
    bytes: new Uint8Array([1, 2]),
    floats: new Float32Array([0.5, -1]),
    error: Object.assign(new RangeError('too far'), { code: 'E_FAR' }),
  },
  json: PLAIN,
  zstd: 'golden '.repeat(300),
  brotli: 'golden '.repeat(300),
  gzip: 'golden '.repeat(300),
  encrypted: PLAIN,
  'encrypted gzip': 'golden '.repeat(300),
};

const CONTEXT: CodecContext = {
  domain: 'session',
  key: 'ru:session:{golden}',
  field: 'data',
  bound: ['1763856000123', 'u1'],
};

const file = new URL('../../fixtures/golden-envelopes.json', import.meta.url);
const GOLDEN = JSON.parse(readFileSync(file, 'utf8')) as { key: string; envelopes: Record<string, string> };
const codec = createCodec({
  encryption: Keyring.of({ active: 'golden', keys: { golden: GOLDEN.key } }),
  allowPlaintext: true,
});

describe('the golden envelopes', () => {
  test('are there for every kind', () => {
    expect(Object.keys(GOLDEN.envelopes)).toEqual(Object.keys(VALUES));
  });

  test.each(Object.entries(GOLDEN.envelopes))('%s is read', (name, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    if (name === 'zstd' && !('zstdDecompressSync' in zlib)) {
      return expect(thrownBy(() => codec.decode(bytes, CONTEXT))).toMatchObject({ reason: 'runtime' });
    }
    return expect(codec.decode(bytes, CONTEXT)).toEqual(VALUES[name]);
  });
});
