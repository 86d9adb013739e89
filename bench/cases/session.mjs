import { deepEqual, equal } from 'node:assert/strict';

import { KEYS, record, RECORDS } from '../workload.mjs';

let ids = [];

export const session = {
  id: 'session',
  feature: 'session',
  title: 'session: what a request needs, read it and keep it alive (30 min idle)',
  async prepare(sessions) {
    ids = await Promise.all(RECORDS.map((data) => sessions.create(data)));
  },
  async check(sessions) {
    for (const n of [0, 1, KEYS - 1]) deepEqual(await sessions.use(ids[n]), record(n));
    const gone = await sessions.create(record(7));
    await sessions.destroy(gone);
    equal((await sessions.use(gone)) ?? undefined, undefined);
  },
  run: (sessions, { turn }) => sessions.use(ids[turn % KEYS]),
};
