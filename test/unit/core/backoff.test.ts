import fc from 'fast-check';
import { expect, it } from 'vitest';

import { jitteredDelay } from '../../../src/core/backoff.js';

it('a wait before a retry lies between half the base and the growing top, for any attempt', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, sample) => {
      const random = { uniform: () => sample, bytes: () => Buffer.alloc(0) };
      const delay = jitteredDelay(attempt, { baseMs: 50, maxMs: 2_000 }, random);
      expect(delay).toBeGreaterThanOrEqual(25);
      expect(delay).toBeLessThanOrEqual(Math.min(2_000, 50 * 2 ** attempt));
    }),
  );
});
