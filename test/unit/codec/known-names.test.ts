import { describe, expect, it } from 'vitest';

import { createCodec, msgpack } from '../../../src/codec/index.js';
import { PLACE, thrownBy } from './contexts.js';

const codec = createCodec({ serializer: msgpack({ profile: 'portable' }), envelope: false });

function read(...bytes: (number | string)[]): unknown {
  return codec.decode(
    Buffer.concat(bytes.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))),
    PLACE,
  );
}

/** A map of 1 under this name. */
function single(name: string): Buffer {
  return Buffer.from(codec.encode({ [name]: 1 }, PLACE));
}

describe('names that were read before', () => {
  it('are not taken for others, however many there are and in whatever order they come', () => {
    // more than are remembered: most of them share their place with others
    const names = Array.from({ length: 20_000 }, (_, n) => `name${(n * 7919) % 20_000}`);
    for (const round of [names, names.toReversed(), names]) {
      for (const name of round) expect(codec.decode(single(name), PLACE)).toEqual({ [name]: 1 });
    }
  });

  it.each([
    ['one that goes on', 'abc', 'abcd'],
    ['one that ends sooner', 'abcd', 'abc'],
    ['one with another end', 'abcd', 'abce'],
    ['the longest that is remembered', 'n'.repeat(31), 'n'.repeat(32)],
    ['one that is not ASCII', 'e', 'é'],
    ['none', 'a', ''],
  ])('are told from %s', (_what, first, second) => {
    for (const name of [first, second, first, second]) expect(codec.decode(single(name), PLACE)).toEqual({ [name]: 1 });
  });

  it('do not hide that a name comes twice', () => {
    for (let round = 0; round < 3; round += 1) {
      expect(read(0x82, 0xa1, 'a', 1, 0xa1, 'b', 2)).toEqual({ a: 1, b: 2 });
      expect(thrownBy(() => read(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2))).toMatchObject({ reason: 'malformed' });
      // written in two ways
      expect(thrownBy(() => read(0x82, 0xa1, 'a', 1, 0xd9, 1, 'a', 2))).toMatchObject({ reason: 'malformed' });
      // the same name inside and behind
      expect(read(0x82, 0xa1, 'a', 0x81, 0xa1, 'a', 1, 0xa1, 'b', 2)).toEqual({ a: { a: 1 }, b: 2 });
    }
  });

  it('are not read beyond the end, and nothing else is read as one', () => {
    expect(read(0x81, 0xa3, 'abc', 1)).toEqual({ abc: 1 });
    for (const bytes of [[0x81], [0x81, 0xa3], [0x81, 0xa3, 'ab'], [0x81, 0xa3, 'abc']]) {
      expect(thrownBy(() => read(...bytes))).toMatchObject({ reason: 'malformed' });
    }
    expect(read(0x83, 0, 1, 0xff, 2, 0xa0, 3)).toEqual({ 0: 1, '-1': 2, '': 3 });
    expect(thrownBy(() => read(0x81, 0xa9, '__proto__', 1))).toMatchObject({ reason: 'malformed' });
    expect(thrownBy(() => read(0x81, 0xa2, 0xc3, 0x28, 1))).toMatchObject({ reason: 'malformed' });
  });
});
