import { fail, settle, show } from '../context.mjs';

const TAGGED = { tags: ['t'] };
const OPEN = { tags: true };

const isValue = (seen) => seen !== undefined && seen !== null;

/** All keys but those that hold the entry itself: what the peer remembers of a tag before or after it is invalidated. */
async function keysOfTag(context, key, when) {
  await context.raw('FLUSHALL');
  const names = async () => (await context.raw('KEYS', '*')).map(String);
  const cache = await context.open(OPEN);
  await cache.set(key, 'v0');
  await settle();
  const own = await names();
  await cache.set(key, 'v1', TAGGED);
  if (when === 'after') await cache.invalidateTags(['t']);
  await settle();
  return (await names()).filter((name) => !own.includes(name));
}

const forgotten = {
  id: 'T10',
  title: 'what is known of a tag is evicted: the entry stays invalid',
  needs: ['set', 'get', 'invalidateTags'],
  async run(context) {
    const key = context.key();
    for (const when of ['before', 'after']) {
      for (const name of await keysOfTag(context, key, when)) {
        await context.raw('FLUSHALL');
        const cache = await context.open(OPEN);
        await cache.set(key, 'v1', TAGGED);
        await settle();
        if (when === 'before') await context.raw('DEL', name);
        await cache.invalidateTags(['t']);
        await settle();
        if (when === 'after') await context.raw('DEL', name);
        const seen = await (await context.open(OPEN)).get(key);
        if (isValue(seen)) return fail(`${show(seen)} is valid again: ${name} evicted ${when} the invalidation`);
      }
    }
    return 'pass';
  },
};

const forgottenClear = {
  id: 'T10b',
  title: 'what is known of a clear is evicted: what it removed stays so',
  needs: ['set', 'get', 'clear'],
  async run(context) {
    const key = context.key();
    const filled = async () => {
      await context.raw('FLUSHALL');
      const cache = await context.open();
      await cache.set(key, 'v1');
      await settle();
      return cache;
    };
    await (await filled()).clear();
    await settle();
    const names = (await context.raw('KEYS', '*')).map(String).filter((name) => !name.includes(key));
    for (const name of names) {
      for (const when of ['before', 'after']) {
        const cache = await filled();
        if (when === 'before') await context.raw('DEL', name);
        await cache.clear();
        await settle();
        if (when === 'after') await context.raw('DEL', name);
        const seen = await (await context.open()).get(key);
        if (isValue(seen)) return fail(`${show(seen)} is there again: ${name} evicted ${when} the clear`);
      }
    }
    return 'pass';
  },
};

const concurrent = {
  id: 'T11',
  title: 'invalidations at the same time: none is lost',
  needs: ['set', 'get', 'invalidateTags'],
  async run(context) {
    const [one, two] = [await context.open(OPEN), await context.open(OPEN)];
    const { cache: slow, proxy } = await context.openBehindProxy(OPEN);
    await slow.get('warm-up');
    // its requests, or else the replies that it works on with, come late
    for (const held of ['toServer', 'toClient']) {
      for (const timing of ['between', 'after']) {
        const key = context.key();
        proxy.blackHole(held);
        const late = slow.invalidateTags(['t']);
        await settle();
        if (timing === 'after') await one.invalidateTags(['t']);
        if (timing === 'between') await one.set(key, 'v1', TAGGED);
        await two.invalidateTags(['t']);
        if (timing === 'after') await one.set(key, 'v1', TAGGED);
        await settle();
        proxy.heal();
        await late;
        if (timing === 'after') await two.invalidateTags(['t']);
        await settle();
        const seen = await (await context.open(OPEN)).get(key);
        if (isValue(seen)) return fail(`${show(seen)} is served, though invalidated after it was written`);
      }
    }
    return 'pass';
  },
};

const herd = {
  id: 'T12',
  title: 'tag of 10 keys invalidated, 4 instances × 5 callers each: 10 loads',
  needs: ['set', 'getOrSet', 'invalidateTags'],
  async run(context) {
    const caches = await Promise.all(Array.from({ length: 4 }, () => context.open(OPEN)));
    const keys = Array.from({ length: 10 }, () => context.key());
    for (const key of keys) await caches[0].set(key, 'v1', TAGGED);
    await settle();
    await caches[0].invalidateTags(['t']);
    let loads = 0;
    const load = async () => {
      loads += 1;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return 'v2';
    };
    const callers = [1, 2, 3, 4, 5].flatMap(() =>
      caches.flatMap((cache) => keys.map((key) => cache.getOrSet(key, load))),
    );
    await Promise.all(callers);
    return loads === 10 ? 'pass' : fail(`${loads} loads`);
  },
};

export const tags = [forgotten, forgottenClear, concurrent, herd];
