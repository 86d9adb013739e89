import { equal } from 'node:assert/strict';

import { KEYS } from '../workload.mjs';

export const command = {
  id: 'command',
  feature: 'command',
  title: 'command: GET one of 1000 short texts, as it comes',
  async prepare(client) {
    for (let n = 0; n < KEYS; n += 1) await client.set(`text-${n}`, `the text of number ${n}`);
  },
  async check(client) {
    equal(await client.get('text-7'), 'the text of number 7');
    equal(await client.get('no-such-text'), null);
  },
  run: (client, { turn }) => client.get(`text-${turn % KEYS}`),
};
