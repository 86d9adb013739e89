import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { KeySpace } from '../../../src/core/key-space.js';

const cache = KeySpace.of('app', 'cache');

describe('KeySpace', () => {
  it.each([
    ['user:1', 'app:cache:{user:1}'],
    ['user:{42}:profile', 'app:cache:~user:{42}%3Aprofile'],
    ['{42}', 'app:cache:~{42}'],
    ['a{}b', 'app:cache:{a%7B%7Db}'],
    ['a}b{c', 'app:cache:{a%7Db%7Bc}'],
    ['100%', 'app:cache:{100%25}'],
  ])('puts the id %s under %s', (id, key) => {
    expect(cache.key(id)).toBe(key);
  });

  it('adds a part outside the hash tag, so that all parts of an id share its slot', () => {
    expect(cache.key('a', 'q')).toBe('app:cache:{a}:q');
  });

  it('needs no prefix', () => {
    expect(KeySpace.of('', 'lock').key('a')).toBe('lock:{a}');
  });

  it.each(['a{b', 'a}', '\uD800'])('refuses the prefix %s', (prefix) => {
    expect(() => KeySpace.of(prefix, 'cache')).toThrow(/`prefix` to be/);
  });

  it.each(['', '\uDC00', 5, undefined])('refuses %s as an id', (id) => {
    expect(() => cache.key(id as string)).toThrow(/`key` to be a non-empty, well-formed string/);
  });

  const id = fc.oneof(
    fc.string({ minLength: 1, unit: fc.constantFrom('a', '{', '}', ':', '%', '~', '@', '7', 'B') }),
    fc.string({ minLength: 1, unit: 'grapheme' }),
  );
  const place = fc.record({
    namespace: fc.option(id),
    section: fc.option(fc.constantFrom('fn', 'def')),
    id,
    part: fc.option(fc.constantFrom('q', 'f'), { nil: undefined }),
  });
  type Place = { namespace: string | null; section: string | null; id: string; part: string | undefined };
  const spaceOf = ({ namespace, section }: Place): KeySpace => {
    if (namespace === null) return cache;
    return section === null ? cache.namespace(namespace) : cache.section(section, namespace);
  };
  const keyOf = (p: Place): string => spaceOf(p).key(p.id, p.part);

  it('never gives two places one key, whatever ids, namespaces, sections and parts', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const sameSection = a.namespace === null || a.section === b.section;
        const same = a.namespace === b.namespace && sameSection && a.id === b.id && a.part === b.part;
        expect(keyOf(a) === keyOf(b)).toBe(same);
      }),
      { numRuns: 3_000 },
    );
  });

  it('gives every key exactly one hash tag that is not empty, the same for all parts', () => {
    const tag = (key: string): string | undefined => /\{([^}]*)\}/.exec(key)?.[1];
    fc.assert(
      fc.property(id, (anyId) => {
        const key = cache.key(anyId);
        expect(tag(key)).toBeTruthy();
        expect(key.match(/[{}]/g)).toEqual(['{', '}']);
        expect(tag(cache.key(anyId, 'q'))).toBe(tag(key));
      }),
    );
  });
});
