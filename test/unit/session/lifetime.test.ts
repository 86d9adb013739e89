import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../../src/core/errors.js';
import { toLifetime, touchEveryMs, type SessionTtl } from '../../../src/session/lifetime.js';

describe('toLifetime', () => {
  it.each([
    ['1h', { ttlMs: 3_600_000, idleMs: 0, absoluteMs: 7_200_000 }],
    ['3h', { ttlMs: 7_200_000, idleMs: 0, absoluteMs: 7_200_000 }],
    [{ idle: '30m' }, { ttlMs: 1_800_000, idleMs: 1_800_000, absoluteMs: 7_200_000 }],
    [
      { idle: '30m', absolute: '9d' },
      { ttlMs: 1_800_000, idleMs: 1_800_000, absoluteMs: 777_600_000 },
    ],
    [
      { idle: '30m', absolute: '1m' },
      { ttlMs: 60_000, idleMs: 1_800_000, absoluteMs: 60_000 },
    ],
  ] as const)('reads %j with an absolute deadline of two hours', (ttl, expected) => {
    expect(toLifetime(ttl, 7_200_000, 'ttl')).toEqual(expected);
  });

  it.each([0, -1, 1.5, Number.NaN, '5', '5w', null, [], { absolute: '1h' }, { idle: 0 }, { idle: '1h', abs: '2h' }])(
    'refuses %j',
    (ttl) => {
      expect(() => toLifetime(ttl as SessionTtl, 7_200_000, 'ttl')).toThrow(ConfigError);
    },
  );
});

it.each([
  [0, 60_000],
  [1, 1],
  [100, 10],
  [10_000, 1_000],
  [1_800_000, 60_000],
])('with an idle time of %i ms uses are written at most every %i ms', (idleMs, everyMs) => {
  expect(touchEveryMs(idleMs)).toBe(everyMs);
});
