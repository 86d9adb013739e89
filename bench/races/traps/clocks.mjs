/** Hosts whose clocks are not right, and values that end together. */
import { fail, settle, show } from '../context.mjs';

const FIVE_MINUTES = 300_000;

const tags = {
  id: 'T9',
  title: 'tag invalidated: also what a host whose clock is 5 min ahead has written',
  needs: ['set', 'get', 'invalidateTags'],
  async run(context) {
    const key = context.key();
    const options = { tags: true };
    const ahead = await context.worker('write', { ...options, skewMs: FIVE_MINUTES });
    ahead.send({ key });
    await ahead.next();
    const cache = await context.open(options);
    await cache.invalidateTags(['t']);
    await settle();
    const seen = await (await context.open(options)).get(key);
    return seen === undefined || seen === null ? 'pass' : fail(`${show(seen)} is still served`);
  },
  jobs: {
    async write({ cache, heard }) {
      const { key } = await heard();
      await cache.set(key, 'v1', { tags: ['t'] });
    },
  },
};

const lifetimes = {
  id: 'T9b',
  title: 'value of 60 s is there for hosts whose clocks differ by 5 min',
  needs: ['set', 'get'],
  async run(context) {
    for (const [skewMs, text] of [
      [-FIVE_MINUTES, 'behind'],
      [FIVE_MINUTES, 'ahead'],
    ]) {
      const [theirs, mine] = [context.key(), context.key()];
      const other = await context.worker('writeAndRead', { skewMs });
      const cache = await context.open();
      await cache.set(mine, 'v1');
      await settle();
      other.send({ theirs, mine });
      const { done } = await other.next();
      await settle();
      const seen = await (await context.open()).get(theirs);
      if (seen !== 'v1') return fail(`what a host ${text} has written is a miss for the others`);
      if (done !== 'v1') return fail(`what others have written is a miss for a host ${text}`);
    }
    return 'pass';
  },
  jobs: {
    async writeAndRead({ cache, heard }) {
      const { theirs, mine } = await heard();
      await cache.set(theirs, 'v1');
      return cache.get(mine);
    },
  },
};

const graced = {
  id: 'T9c',
  title: 'value over its ttl, in its grace: a host 5 min behind reloads it',
  needs: ['grace', 'getOrSet'],
  async run(context) {
    const key = context.key();
    const times = { ttlMs: 1000, graceMs: 60_000 };
    const cache = await context.open(times);
    await cache.getOrSet(key, () => 'v1');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const behind = await context.worker('ask', { ...times, skewMs: -FIVE_MINUTES });
    behind.send({ key });
    const { done } = await behind.next();
    return done > 0 ? 'pass' : fail('it takes it for fresh');
  },
  jobs: {
    async ask({ cache, heard }) {
      const { key } = await heard();
      let loads = 0;
      await cache.getOrSet(key, () => {
        loads += 1;
        return 'v2';
      });
      await settle();
      return loads;
    },
  },
};

const together = {
  id: 'T12b',
  title: '100 values loaded together do not all end together',
  needs: ['getOrSet'],
  async run(context) {
    const cache = await context.open();
    await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet(context.key(), () => 'v1')));
    await settle();
    const names = await context.raw('KEYS', '*');
    const left = await Promise.all(names.map((name) => context.raw('PTTL', name)));
    const ends = left.map(Number).filter((ms) => ms > 0);
    const spreadMs = Math.max(...ends) - Math.min(...ends);
    return spreadMs > 1000 ? 'pass' : fail(`of 60 s, all end within ${spreadMs < 100 ? '100' : spreadMs} ms`);
  },
};

export const clocks = [tags, lifetimes, graced, together];
