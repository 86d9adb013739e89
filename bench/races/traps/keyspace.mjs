/** Many keys at once, and the keys of others. */
import { fail, show } from '../context.mjs';

const clusterClear = {
  id: 'T18',
  title: 'clear on a cluster of three removes all',
  needs: ['cluster', 'set', 'get', 'clear'],
  limitMs: 60_000,
  async run(context) {
    const where = await context.cluster();
    const cache = await context.open(where);
    const keys = Array.from({ length: 30 }, () => context.key());
    for (const key of keys) await cache.set(key, 'v1');
    if ((await (await context.open(where)).get(keys[0])) !== 'v1') return fail('what was set is not there');
    await cache.clear();
    const reader = await context.open(where);
    let left = 0;
    for (const key of keys) if ((await reader.get(key)) === 'v1') left += 1;
    return left === 0 ? 'pass' : fail(`${left} of 30 are there after it`);
  },
};

const clusterMany = {
  id: 'T19',
  title: 'getMany on a cluster of three',
  needs: ['cluster', 'set', 'getMany'],
  limitMs: 60_000,
  async run(context) {
    const where = await context.cluster();
    const cache = await context.open(where);
    const keys = Array.from({ length: 30 }, () => context.key());
    for (const key of keys) await cache.set(key, key);
    const reader = await context.open(where);
    // it has connected: to do that with the very first getMany is not what is looked at
    await reader.get(keys[0]);
    const found = await reader.getMany(keys);
    const right = keys.filter((key, index) => found[index] === key).length;
    return right === 30 ? 'pass' : fail(`${right} of 30 were found`);
  },
};

const taken = {
  id: 'T22',
  title: 'take by two processes at once: one gets it',
  needs: ['set', 'take'],
  async run(context) {
    const [one, two] = [await context.open(), await context.open()];
    let twice = 0;
    for (let round = 0; round < 50; round += 1) {
      const key = context.key();
      await one.set(key, 'once');
      const got = await Promise.all([one.take(key), two.take(key)]);
      if (got.every((value) => value === 'once')) twice += 1;
    }
    return twice === 0 ? 'pass' : fail(`in ${twice} of 50 rounds both got it`);
  },
};

/** Clears one cache, and looks at what else there is. */
async function clearBeside(context, [own, beside]) {
  const cache = await context.open({ name: own });
  const other = await context.open({ name: beside });
  await context.raw('SET', 'session:1', 'foreign');
  await context.raw('HSET', 'queue', 'field', 'foreign');
  await cache.set('mine', 'v1');
  await other.set('theirs', 'v1');
  await cache.clear();
  if ((await (await context.open({ name: own })).get('mine')) === 'v1') return fail('it has not cleared its own');
  if (Number(await context.raw('EXISTS', 'session:1', 'queue')) !== 2)
    return fail("it has removed other programs' keys");
  const seen = await (await context.open({ name: beside })).get('theirs');
  return seen === 'v1' ? 'pass' : fail(`it has cleared ${show(beside)} too, which is another cache`);
}

const foreign = {
  id: 'T23',
  title: 'clear leaves alone what is of others',
  needs: ['set', 'get', 'clear'],
  run: (context) => clearBeside(context, ['shop', 'shop2']),
};

const glob = {
  id: 'T23b',
  title: 'clear of a cache whose name has a * in it spares the others',
  needs: ['set', 'get', 'clear'],
  async run(context) {
    try {
      await context.open({ name: 'sh*p' });
    } catch {
      return 'pass'; // to refuse such a name is an answer too
    }
    return clearBeside(context, ['sh*p', 'shop']);
  },
};

export const keyspace = [clusterClear, clusterMany, taken, foreign, glob];
