/** What happens to a key while its value is being loaded. */
import { fail, gatedLoader, settle, show } from '../context.mjs';

/** Runs `overtake` while `v1` is being loaded; whoever asks afterwards must not be given it. */
async function overtaken(context, { options, expected = 'fresh' }, overtake) {
  for (const where of ['another process', 'the same process']) {
    const key = context.key();
    const loading = await context.open();
    const other = where === 'the same process' ? loading : await context.open();
    const loader = gatedLoader('v1');
    const call = loading.getOrSet(key, loader, options);
    await loader.started;
    await overtake(other, key);
    // a clock that counts milliseconds must see that what is stored is stored later
    await settle();
    loader.release();
    await call;
    await settle();
    const seen = await context.seenByOthers(key);
    if (seen !== expected) return fail(`${show(seen)} is stored and served, overtaken by ${where}`);
  }
  return 'pass';
}

const deleted = {
  id: 'T1',
  title: 'delete while the value is being loaded: what was loaded is not stored',
  needs: ['getOrSet', 'delete'],
  run: (context) => overtaken(context, {}, (other, key) => other.delete(key)),
};

const tagInvalidated = {
  id: 'T2',
  title: 'tag invalidated while the value is being loaded: the same',
  needs: ['getOrSet', 'invalidateTags', 'loadTags'],
  run: (context) => overtaken(context, { options: { tags: ['t'] } }, (other) => other.invalidateTags(['t'])),
};

const written = {
  id: 'T3',
  title: 'newer value set while an older one is being loaded: it stays',
  needs: ['getOrSet', 'set'],
  run: (context) => overtaken(context, { expected: 'v2' }, (other, key) => other.set(key, 'v2')),
};

const lagging = {
  id: 'T4',
  title: 'source that lags 1 s behind a delete: what it brings is not kept',
  needs: ['getOrSet', 'delete', 'quarantine'],
  async run(context) {
    const cache = await context.open({ quarantineMs: 1000 });
    const other = await context.open({ quarantineMs: 1000 });
    const key = context.key();
    await cache.getOrSet(key, () => 'v1');
    await other.delete(key);
    await cache.getOrSet(key, () => 'v1');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const seen = await other.getOrSet(key, () => 'v2');
    return seen === 'v2' ? 'pass' : fail(`${show(seen)} is kept`);
  },
};

const failing = {
  id: 'T13',
  title: 'failing loader with 5 callers: called once, each is told',
  needs: ['getOrSet'],
  async run(context) {
    const cache = await context.open();
    const loader = gatedLoader(new Error('the source is down'));
    const key = context.key();
    const calls = Array.from({ length: 5 }, () => cache.getOrSet(key, loader));
    const ended = Promise.allSettled(calls);
    await loader.started;
    await settle();
    loader.release();
    const told = (await ended).filter(({ status }) => status === 'rejected').length;
    if (loader.calls !== 1) return fail(`the loader was called ${loader.calls} times`);
    return told === 5 ? 'pass' : fail(`${told} of 5 callers were told of the failure`);
  },
};

const cold = {
  id: 'H1',
  title: 'cold key, 4 processes × 100 callers: one load',
  needs: ['getOrSet'],
  async run(context) {
    const key = context.key();
    const workers = await Promise.all(Array.from({ length: 4 }, () => context.worker('callers')));
    for (const worker of workers) worker.send({ key });
    const answers = await Promise.all(workers.map((worker) => worker.next()));
    const loads = answers.reduce((sum, { done }) => sum + done.loads, 0);
    if (answers.some(({ done }) => done.wrong > 0)) return fail('some callers got something else');
    return loads === 1 ? 'pass' : fail(`${loads} loads`);
  },
  jobs: {
    async callers({ cache, heard }) {
      const { key } = await heard();
      let loads = 0;
      const load = async () => {
        loads += 1;
        // long enough for the slowest of the processes to come while it runs
        await new Promise((resolve) => setTimeout(resolve, 500));
        return 'value';
      };
      const values = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet(key, load)));
      return { loads, wrong: values.filter((value) => value !== 'value').length };
    },
  },
};

/** A process that has begun to load `v1`, and goes on when it is told. */
const jobs = {
  async load({ cache, say, heard }) {
    const { key } = await heard();
    await cache.getOrSet(key, async () => {
      say('loading');
      await heard();
      return 'v1';
    });
    await settle();
  },
};

async function loadingElsewhere(context, key) {
  const worker = await context.worker('load');
  worker.send({ key });
  await worker.next();
  return worker;
}

const crashed = {
  id: 'T21',
  title: 'process killed while it loads: others wait 15 s at most',
  needs: ['getOrSet'],
  limitMs: 40_000,
  async run(context) {
    const key = context.key();
    const worker = await loadingElsewhere(context, key);
    worker.kill('SIGKILL');
    await worker.exited;
    const began = Date.now();
    const seen = await context.seenByOthers(key);
    const tookMs = Date.now() - began;
    if (seen !== 'fresh') return fail(`others got ${show(seen)}`);
    return tookMs < 15_000 ? 'pass' : fail(`others waited ${tookMs} ms`);
  },
  jobs,
};

const stalled = {
  id: 'T21b',
  title: 'process that stood still while it loaded does not store over the newer value',
  needs: ['getOrSet'],
  limitMs: 60_000,
  async run(context) {
    const key = context.key();
    const worker = await loadingElsewhere(context, key);
    worker.kill('SIGSTOP');
    const cache = await context.open();
    // as long as it takes until somebody else may load
    const newer = await cache.getOrSet(key, () => 'v2');
    await settle();
    worker.kill('SIGCONT');
    worker.send('go on');
    await worker.next();
    if (newer !== 'v2') return fail(`others got ${show(newer)}`);
    const seen = await context.seenByOthers(key);
    return seen === 'v2' ? 'pass' : fail(`${show(seen)} has replaced "v2"`);
  },
  jobs,
};

export const loads = [deleted, tagInvalidated, written, lagging, failing, crashed, stalled, cold];
