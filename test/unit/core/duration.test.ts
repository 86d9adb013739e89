import { describe, expect, it } from 'vitest';

import { type Duration, toMs } from '../../../src/core/duration.js';

describe('toMs', () => {
  it.each([
    [1, 1],
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1.1s', 1_100],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ] as const)('reads %s as %d ms', (duration, ms) => {
    expect(toMs(duration, 'x')).toBe(ms);
  });

  it.each([
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '0s',
    '5',
    '5 s',
    '-5s',
    '1w',
    '0.5ms',
    '',
    null,
    {},
    '1e3s',
  ])('refuses %s, naming the option and the forms it accepts', (duration) => {
    expect(() => toMs(duration as Duration, 'lock.ttl')).toThrow(/`lock\.ttl` to be a duration of 1 ms .*'250ms'/);
  });

  it('keeps to the range it is given', () => {
    expect(toMs(0, 'x', { min: 0 })).toBe(0);
    expect(() => toMs('2s', 'x', { max: 1_000 })).toThrow(/1 ms to 1000 ms/);
  });
});
