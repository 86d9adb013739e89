/** Redis cannot be reached: what calls do, and what is left afterwards. */
import { becomes, fail, gatedLoader, outcome, settle, show } from '../context.mjs';

const background = {
  id: 'T17',
  title: 'background reload when Redis has gone: nothing is left unhandled',
  needs: ['background', 'getOrSet'],
  limitMs: 60_000,
  async run(context) {
    for (const job of ['storeFails', 'loaderFails']) {
      const { proxy } = await context.openBehindProxy();
      const worker = await context.worker(job, { url: proxy.url, ttlMs: 1000, graceMs: 60_000 });
      const key = context.key();
      worker.send({ key });
      if ((await worker.next()) !== 'reloading') return fail('no reload in the background');
      if (job === 'storeFails') cutOff(proxy);
      worker.send('go on');
      const last = await worker.next();
      if (last.crash !== undefined) return fail(`${last.crash} ends the process: ${last.message}`);
    }
    return 'pass';
  },
  jobs: {
    storeFails: (job) => reload(job, 'v2'),
    loaderFails: (job) => reload(job, new Error('the source is down')),
  },
};

async function reload({ cache, say, heard }, value) {
  const { key } = await heard();
  await cache.getOrSet(key, () => 'v1');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const loader = gatedLoader(value);
  const call = outcome(cache.getOrSet(key, loader));
  const isReloading = await Promise.race([
    loader.started.then(() => true),
    new Promise((resolve) => setTimeout(resolve, 3000)),
  ]);
  await call;
  say(isReloading === true ? 'reloading' : 'no reload');
  await heard();
  loader.release();
  // until the client has given up: ioredis does after 11 s
  await new Promise((resolve) => setTimeout(resolve, value instanceof Error ? 1000 : 14_000));
}

/** Cuts an instance off from Redis. */
function cutOff(proxy) {
  proxy.refuse();
  proxy.reset();
}

const writes = {
  id: 'T24',
  title: 'write while Redis is away for a while: told, or made up for, not silently lost',
  needs: ['set', 'get', 'delete'],
  limitMs: 60_000,
  async run(context) {
    for (const what of ['set', 'delete']) {
      const key = context.key();
      const { cache, proxy } = await context.openBehindProxy();
      await cache.set(key, 'v1');
      let isTold = false;
      cutOff(proxy);
      await settle();
      cache.onError?.(() => (isTold = true));
      const ending = outcome(what === 'set' ? cache.set(key, 'v2') : cache.delete(key), 20_000);
      await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, 2000))]);
      await proxy.accept();
      const ended = await ending;
      if (ended.hung) return fail(`${what} has not ended 18 s after Redis was back`);
      if (ended.error !== undefined || ended.value === false || isTold) continue;
      const reader = await context.open();
      const isDone = await becomes(async () => (await reader.get(key)) !== 'v1', 5000);
      if (!isDone) return fail(`${what} ended with ${show(ended.value)}; others see "v1"`);
    }
    return 'pass';
  },
};

const reads = {
  id: 'T24b',
  title: 'read while Redis is away: ends within 5 s, with a loaded value, a miss or an error',
  needs: ['get', 'set'],
  async run(context) {
    const { cache, proxy } = await context.openBehindProxy();
    await cache.set(context.key(), 'v1');
    cutOff(proxy);
    await settle();
    const isLoading = cache.getOrSet !== undefined;
    const key = context.key();
    const { value, error, hung } = await outcome(isLoading ? cache.getOrSet(key, () => 'loaded') : cache.get(key));
    if (hung) return fail('it has not ended after 5 s');
    return error !== undefined || value === (isLoading ? 'loaded' : undefined)
      ? 'pass'
      : fail(`it gave ${show(value)}`);
  },
};

export const outages = [background, writes, reads];
