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

const neverLoad = () => {
  throw new Error('it is there: nothing is to be loaded');
};

export const cacheGetOrSet = {
  id: 'cache-get-or-set',
  feature: 'load',
  title: 'cache: getOrSet of one of 1000 small objects that are there',
  prepare: fill,
  check,
  run: (cache, { turn }) => cache.getOrSet(`key-${turn % KEYS}`, neverLoad),
};

const NEAR_KEYS = Array.from({ length: KEYS }, (_, n) => `key-${n}`);

/** Reads until all of it is in the process, and shows that nothing else is asked for it. */
async function warm(cache) {
  await fill(cache);
  for (let round = 0; round < 5; round += 1) {
    for (const key of NEAR_KEYS) await cache.get(key);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const cacheNear = {
  id: 'cache-near',
  feature: 'near',
  title: 'cache: read one of 1000 small objects that are in the memory of the process',
  prepare: warm,
  check,
  run: (cache, { turn }) => cache.get(NEAR_KEYS[turn % KEYS]),
};

export const cacheWrite = {
  id: 'cache-write',
  feature: 'cache',
  title: 'cache: write one of 1000 small objects, to live a minute',
  prepare: fill,
  check,
  run: (cache, { turn }) => cache.set(`key-${turn % KEYS}`, RECORDS[turn % KEYS]),
};
