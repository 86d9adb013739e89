import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { canonical } from '../../../src/cache/canonical.js';

const text = (value: unknown): string => canonical('arguments', value);

test.each<[string, unknown]>([
  ['[1,"a",null,true]', [1, 'a', null, true]],
  ['{"a":[{}],"b":1}', { b: 1, a: [{}] }],
  ['[undefined,-0,NaN,Infinity,5n]', [undefined, -0, NaN, Infinity, 5n]],
  ['[Date(5),bytes(eA==)]', [new Date(5), Buffer.from('x')]],
  ['"\\"],["', '"],['],
])('a value is %s', (expected, value) => expect(text(value)).toBe(expected));

test('what is alike has the same text, and nothing else has', () => {
  const data = fc.anything({
    withBigInt: true,
    withDate: false,
    withTypedArray: false,
    withNullPrototype: false,
    maxDepth: 3,
    key: fc.constantFrom('a', 'b', 'c'),
    values: [
      fc.constantFrom<unknown>(0, -0, 1, '1', '', null, undefined, NaN, true, 'true', 1n, '1n', 'null', new Date(1)),
      fc.constantFrom<unknown>('Date(1)', 'bytes(AA==)', new Uint8Array([0]), '[1]', '{"a":1}'),
    ],
  });
  fc.assert(
    fc.property(data, data, (a, b) => {
      expect(text(a) === text(b)).toBe(isDeepStrictEqual(a, b));
      expect(text(a)).toBe(text(structuredClone(a)));
    }),
    { numRuns: 2_000 },
  );
});

class Point {
  x = 1;
}

test.each<[string, unknown, RegExp]>([
  ['a function', [() => 1], /arguments\[0\]/],
  ['a symbol', [{ a: Symbol('s') }], /arguments\[0\]\.a/],
  ['a map', [new Map()], /arguments\[0\]/],
  ['an instance', [1, new Point()], /arguments\[1\]/],
  ['an invalid date', [new Date(NaN)], /valid date/],
])('%s is refused, with its place', (_what, value, message) => {
  expect(() => text(value)).toThrow(message);
});

test('what contains itself is refused, not followed for ever', () => {
  const ring: unknown[] = [];
  ring.push(ring);
  expect(() => text(ring)).toThrow(/no deeper than 32/);
});
