import { deepEqual } from 'node:assert/strict';

import { KEYS } from '../workload.mjs';

export const limit = {
  id: 'limit',
  feature: 'limit',
  title: 'rate limit: one decision on one of 1000 subjects (all allowed)',
  async check(limiter) {
    const decisions = [];
    for (let n = 0; n < 4; n += 1) decisions.push(await limiter.takeOfThree('checked'));
    deepEqual(decisions, [true, true, true, false], 'three are allowed, the fourth is not');
  },
  run: async (limiter, { turn }) => {
    if (!(await limiter.take(`subject-${turn % KEYS}`))) throw new Error('A decision was a denial');
  },
};
