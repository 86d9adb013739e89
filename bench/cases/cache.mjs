import { deepEqual } from 'node:assert/strict';

import { KEYS, record, RECORDS } from '../workload.mjs';

async function check(cache) {
  for (const n of [0, 1, KEYS - 1]) deepEqual(await cache.get(`key-${n}`), record(n));
  deepEqual((await cache.get('no-such-key')) ?? null, null);
}

async function fill(cache) {
  await Promise.all(RECORDS.map((value, n) => cache.set(`key-${n}`, value)));
}

export const cacheRead = {
  id: 'cache-read',
  feature: 'cache',
  title: 'cache: read one of 1000 small objects',
  prepare: fill,
  check,
  run: (cache, { turn }) => cache.get(`key-${turn % KEYS}`),
};

export const cacheWrite = {
  id: 'cache-write',
  feature: 'cache',
  title: 'cache: write one of 1000 small objects, to live a minute',
  prepare: fill,
  check,
  run: (cache, { turn }) => cache.set(`key-${turn % KEYS}`, RECORDS[turn % KEYS]),
};
