/** What a level in the memory of each process remembers for too long, or hands out. */
import { becomes, fail, settle, show } from '../context.mjs';

const NEAR = { near: true };

/** Puts `v1` into the memory of an instance, from Redis. */
async function fill(context, [reader, writer], key) {
  await reading(reader, 'nothing'); // it has connected and listens
  await writer.set(key, 'v1');
  await settle();
  for (const _ of [1, 2]) await reading(reader, key);
  const before = await hits(context);
  await reading(reader, key);
  if ((await hits(context)) !== before) throw new Error('it is not kept in memory');
}

/** Keys that Redis was asked for and had. */
async function hits(context) {
  return /keyspace_hits:(\d+)/.exec(String(await context.raw('INFO', 'stats')))[1];
}

const reading = (cache, key) => cache.getOrSet(key, () => 'reloaded');

const cut = {
  id: 'T5',
  title: 'near cache whose channel was cut during a write does not stay stale',
  needs: ['near', 'getOrSet', 'set', 'keyspaceCounts'],
  async run(context) {
    const key = context.key();
    const writer = await context.open(NEAR);
    const { cache: reader, proxy } = await context.openBehindProxy(NEAR);
    await fill(context, [reader, writer], key);
    const clients = String(await context.raw('CLIENT', 'LIST')).split('\n');
    const tracking = clients.filter((line) => / flags=\S*t/.test(line)).map((line) => / ?id=(\d+)/.exec(line)[1]);
    // what is there stays, what is new is refused: of all that the reader has, only its channel is cut
    proxy.refuse();
    await Promise.all([
      context.raw('CLIENT', 'KILL', 'TYPE', 'pubsub'),
      ...tracking.map((id) => context.raw('CLIENT', 'KILL', 'ID', id)),
    ]);
    await writer.set(key, 'v2');
    await settle();
    await proxy.accept();
    const isSeen = await becomes(async () => (await reading(reader, key)) === 'v2', 5000);
    return isSeen ? 'pass' : fail(`another process serves ${show(await reading(reader, key))} 5 s after "v2" was set`);
  },
};

const flushed = {
  id: 'T6',
  title: 'FLUSHALL against reads in flight, then a write: all see it',
  needs: ['near', 'getOrSet', 'set'],
  async run(context) {
    const writer = await context.open(NEAR);
    const reader = await context.open(NEAR);
    const keys = Array.from({ length: 100 }, () => context.key());
    for (const key of keys) {
      await writer.set(key, 'v1');
      const read = reading(reader, key);
      await Promise.all([read, context.raw('FLUSHALL')]);
    }
    await settle();
    await Promise.all(keys.map((key) => writer.set(key, 'v2')));
    const stale = async () => {
      const seen = await Promise.all(keys.map((key) => reading(reader, key)));
      return seen.filter((value) => value !== 'v2').length;
    };
    if (await becomes(async () => (await stale()) === 0)) return 'pass';
    return fail(`${await stale()} of 100 keys are stale 3 s after "v2" was set`);
  },
};

const outlived = {
  id: 'T7',
  title: 'near cache does not serve a value after its end in Redis',
  needs: ['near', 'getOrSet', 'set'],
  async run(context) {
    const key = context.key();
    const short = { ...NEAR, ttlMs: 2000 };
    const writer = await context.open(short);
    const reader = await context.open(short);
    await writer.set(key, 'v1');
    const isThere = async () => (await context.raw('KEYS', '*')).some((name) => String(name).includes(key));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    if (!(await isThere())) return fail('it has expired too early');
    await reading(reader, key);
    await becomes(async () => !(await isThere()), 5000);
    await settle();
    const seen = await reader.getOrSet(key, () => 'v2');
    return seen === 'v1' ? fail('"v1" is served 250 ms after it has expired in Redis') : 'pass';
  },
};

const BYTES_PER_KEY = 64;

const leaking = {
  id: 'T8',
  title: 'near cache of 100 entries keeps nothing of 30,000 other keys',
  needs: ['near', 'nearMax', 'getOrSet', 'set'],
  nodeArgs: ['--expose-gc'],
  limitMs: 60_000,
  async run(context) {
    const worker = await context.worker('fill', { ...NEAR, nearMax: 100 });
    const { done } = await worker.next();
    return done < BYTES_PER_KEY ? 'pass' : fail(`${Math.round(done)} bytes are kept for each key that was ever used`);
  },
  jobs: {
    async fill({ cache }) {
      const use = async (from, to) => {
        for (let n = from; n < to; n += 100) {
          const keys = Array.from({ length: 100 }, (_, index) => `key-${n + index}`);
          await Promise.all(keys.map((key) => cache.set(key, 1)));
          await Promise.all(keys.map((key) => reading(cache, key)));
        }
        await settle();
        globalThis.gc();
        return process.memoryUsage().heapUsed;
      };
      const before = await use(0, 10_000);
      return ((await use(10_000, 40_000)) - before) / 30_000;
    },
  },
};

/** Tries to change what one caller was given, and says whether the next one gets it changed. */
async function isPoisoned(cache, key) {
  const mine = await cache.getOrSet(key, () => ({ a: 1, list: [1] }));
  try {
    mine.a = 2;
    mine.list.push(2);
  } catch {
    // frozen: as good as a copy
  }
  const theirs = await cache.getOrSet(key, () => 'reloaded');
  return theirs.a !== 1 || theirs.list.length !== 1;
}

const poisoned = {
  id: 'T15',
  title: 'value from the near cache that its caller changes: not changed for others',
  needs: ['near', 'getOrSet', 'set'],
  async run(context) {
    const cache = await context.open(NEAR);
    const key = context.key();
    const given = { a: 1, list: [1] };
    await cache.set(key, given);
    given.a = 2;
    const seen = await cache.getOrSet(key, () => 'reloaded');
    if (seen.a !== 1) return fail('the object that was set is what others get');
    if (await isPoisoned(cache, key)) return fail('a change of what was read is seen by others');
    if (await isPoisoned(cache, context.key())) return fail('a change of what was loaded is seen by others');
    return 'pass';
  },
};

async function removedElsewhere(context, remove) {
  const key = context.key();
  const writer = await context.open(NEAR);
  const reader = await context.open(NEAR);
  await fill(context, [reader, writer], key);
  const remover = await context.open(NEAR);
  await settle();
  await remove(remover, key);
  const isGone = await becomes(async () => (await reader.getOrSet(key, () => 'reloaded')) !== 'v1');
  return isGone ? 'pass' : fail('another process serves the removed value for 3 s and more');
}

const deleted = {
  id: 'T20',
  title: 'delete by a process that does not hold the key reaches all',
  needs: ['near', 'getOrSet', 'set', 'delete', 'keyspaceCounts'],
  run: (context) => removedElsewhere(context, (cache, key) => cache.delete(key)),
};

const cleared = {
  id: 'T20b',
  title: 'clear reaches the near caches of all processes',
  needs: ['near', 'getOrSet', 'set', 'clear', 'keyspaceCounts'],
  run: (context) => removedElsewhere(context, (cache) => cache.clear()),
};

export const near = [cut, flushed, outlived, leaking, poisoned, deleted, cleared];
