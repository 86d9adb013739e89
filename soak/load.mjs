/**
 * Mixed load over all features on one manager, and the invariants that it can see from inside: fences rise, counters
 * never run ahead of what was asked for, a destroyed session stays dead, a reply belongs to its question.
 */
const TIMEOUT_MS = 1_500;
const WORKERS = 6;

export function startLoad({ name, manager, lib, random, ledger, violate }) {
  const cache = new lib.CacheManager(manager, '1m');
  const sessions = new lib.SessionManager(cache);
  const limiter = new lib.RateLimiter(manager);
  const pubsub = new lib.PubSubManager(manager);
  const fences = new Map();
  let asked = 0;
  let running = true;
  let received = 0;

  const key = () => `k${random.below(500)}`;
  const operations = {
    command: async () => {
      const text = `${name}-${random.next()}`;
      const echoed = await manager.command(['ECHO', text], { timeout: TIMEOUT_MS });
      if (echoed !== text) violate(`ECHO ${text} was answered with ${String(echoed)}`);
    },
    counter: async () => {
      asked += 1;
      const count = await manager.command(['INCR', `soak:${name}:n`], { timeout: TIMEOUT_MS });
      await manager.command(['PEXPIRE', `soak:${name}:n`, 3_600_000], { timeout: TIMEOUT_MS });
      if (count > asked) violate(`a counter reached ${count} after ${asked} increments: something ran twice`);
    },
    pipeline: () =>
      manager.pipeline(
        Array.from({ length: 20 }, () => ['SET', `soak:${name}:{p${random.below(50)}}`, 'x'.repeat(500), 'PX', 60_000]),
        { timeout: TIMEOUT_MS },
      ),
    lease: async () => {
      const lease = await manager.lease({ timeout: TIMEOUT_MS });
      try {
        await lease.command(['PING'], { timeout: TIMEOUT_MS });
      } finally {
        lease.release();
      }
    },
    'cache.get': async () => void (await cache.get(key(), { timeout: TIMEOUT_MS })),
    'cache.set': async () => void (await cache.set(key(), { at: Date.now(), text: 'y'.repeat(random.below(2_000)) })),
    'cache.getOrSet': async () => void (await cache.getOrSet(key(), async () => ({ loaded: true }), '30s')),
    lock: async () => {
      const id = `l${random.below(20)}`;
      const guard = await new lib.DistributedLock(manager, id, '2s').acquire({ timeout: TIMEOUT_MS });
      try {
        const before = fences.get(id) ?? 0n;
        if (guard.fence <= before) violate(`the fence of ${id} went from ${before} to ${guard.fence}`);
        fences.set(id, guard.fence);
      } finally {
        await guard.release();
      }
    },
    limit: async () => void (await limiter.checkTokenBucket(`u${random.below(200)}`, 50, 20, { timeout: TIMEOUT_MS })),
    publish: async () => void (await pubsub.publish(`soak.${random.below(5)}`, { n: random.next() })),
    session: async () => {
      const id = await sessions.createSession({ n: 1 }, '1m');
      await sessions.updateSession(id, { n: 2 });
      if (!(await sessions.destroySession(id))) return;
      await sessions.updateSession(id, { n: 3 }).catch(() => {});
      if ((await sessions.getSession(id)) !== undefined) violate('a destroyed session came back');
    },
  };

  const listen = async (channel) => {
    while (running) {
      try {
        const subscription = await pubsub.subscribe(channel);
        for await (const _ of subscription) received += 1;
      } catch {
        await pause(200);
      }
    }
  };
  const work = async (operation, run) => {
    while (running) {
      // an operation is a few calls, each with a deadline of its own
      await ledger.enter(`${name}/${operation}`, TIMEOUT_MS * 5, run);
      await pause(1 + random.below(20));
    }
  };
  const workers = Object.entries(operations).flatMap(([operation, run]) =>
    Array.from({ length: WORKERS }, () => work(operation, run)),
  );
  const listeners = Array.from({ length: 5 }, (_, n) => listen(`soak.${n}`));

  return {
    get received() {
      return received;
    },
    async stop() {
      running = false;
      await Promise.all(workers);
      await pubsub.close();
      await Promise.all(listeners);
      await cache.close();
    },
  };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
