import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { toFraction } from '../../../src/rate-limit/fraction.js';

const asText = (value: number): string => {
  const { numerator, denominator } = toFraction(value);
  return `${numerator}/${denominator}`;
};

test.each([
  [10, '10/1'],
  [0.1, '1/10'],
  [0.3, '3/10'],
  [100 / 60, '5/3'],
  [1 / 3, '1/3'],
  [999_983 / 3600, '999983/3600'],
  [1 / 86_400, '1/86400'],
  [1 / 2_592_000, '1/2592000'],
  [3.333333, '3333333/1000000'],
  [1e9, '1000000000/1'],
])('%d stands for %s', (value, expected) => {
  expect(asText(value)).toBe(expected);
});

test('every fraction with a denominator up to a million is found again', () => {
  const parts = fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000 }));
  const property = fc.property(parts, ([numerator, denominator]) => {
    const found = toFraction(numerator / denominator);
    expect(found.numerator * BigInt(denominator)).toBe(found.denominator * BigInt(numerator));
  });
  fc.assert(property, { numRuns: 2_000 });
});

test('any other number is rounded down, by less than two parts per million', () => {
  const property = fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (value) => {
    const { numerator, denominator } = toFraction(value);
    const ratio = Number(numerator) / Number(denominator);
    expect(ratio).toBeLessThanOrEqual(value);
    expect(ratio).toBeGreaterThan(value * (1 - 2e-6));
  });
  fc.assert(property, { numRuns: 5_000 });
});
