import { randomBytes } from 'node:crypto';

import { expect, it } from 'vitest';

import { KeySpace } from '../../../src/core/key-space.js';
import { systemRandom } from '../../../src/core/random.js';
import { SessionIds } from '../../../src/session/session-id.js';

const keys = KeySpace.of('ru', 'session');
const ids = new SessionIds({ keys, random: systemRandom, pepper: undefined });

it('ids are 32 bytes of the secure source in base64url, and 100 000 of them are all different', () => {
  let asked = 0;
  const bytes = (size: number): Buffer => ((asked = size), randomBytes(size));
  const id = new SessionIds({ keys, random: { uniform: () => 0, bytes }, pepper: undefined }).create();
  expect(asked).toBe(32);
  expect(Buffer.from(id, 'base64url')).toHaveLength(32);
  expect(new Set(Array.from({ length: 100_000 }, () => ids.create())).size).toBe(100_000);
});

it('every bit of an id is set in about half of all ids', () => {
  const rounds = 20_000;
  const ones = Array.from({ length: 256 }, () => 0);
  for (let round = 0; round < rounds; round += 1) {
    const id = Buffer.from(ids.create(), 'base64url');
    for (let bit = 0; bit < 256; bit += 1) ones[bit] = (ones[bit] ?? 0) + (((id[bit >> 3] ?? 0) >> (bit & 7)) & 1);
  }
  // six standard deviations: fails once in a million runs of a good source
  for (const count of ones) expect(Math.abs(count - rounds / 2)).toBeLessThan(6 * Math.sqrt(rounds / 4));
});

it('no text that is not of the form of an id has a name', () => {
  const alphabet = Array.from('AZaz09-_+/= \r\n\0*{}:é𝄞');
  for (let round = 0; round < 10_000; round += 1) {
    const random = randomBytes(48);
    const text = Array.from({ length: 38 + (round % 10) }, (_, n) => alphabet[(random[n] ?? 0) % alphabet.length]).join(
      '',
    );
    expect(ids.name(text) !== undefined).toBe(/^[\w-]{43}$/.test(text) && text.length === 43);
  }
});

it('neither the key nor the tag of a session tells its id', () => {
  const id = ids.create();
  const name = ids.name(id);
  expect(name?.key).toMatch(/^ru:session:\{[\w-]{43}\}$/);
  expect(name?.key).not.toContain(id);
  expect(name?.key).toContain(name?.tag);
  expect(id).not.toContain(name?.tag);
});

it('the tag of a user can be no key of a session', () => {
  const id = ids.create();
  expect(ids.userTag(id)).not.toBe(ids.name(id)?.key.slice('ru:session:{'.length, -1));
});
