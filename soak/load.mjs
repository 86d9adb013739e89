import {
  cacheOperations,
  lockOperation,
  nearOperations,
  plainOperations,
  sessionOperation,
  TIMEOUT_MS,
} from './operations.mjs';

const WORKERS = 6;
const CHANNELS = 5;

/** Mixed load over all features on one group of servers, until it is stopped. */
export function startLoad({ group, lib, random, ledger, violate }) {
  const { name, manager } = group;
  // a lost write may take a fence back, and bring a destroyed session back: nothing to be learned from that
  const violateUnlessLost = group.losesWrites ? () => {} : violate;
  const cache = new lib.CacheManager(manager, '1m');
  const near = new lib.CacheManager(manager, '1m', { near: { maxEntries: 100 } });
  const sessions = new lib.SessionManager(cache);
  const limiter = new lib.RateLimiter(manager);
  const pubsub = new lib.PubSubManager(manager);
  const channel = () => `soak.${random.below(CHANNELS)}`;
  const operations = {
    ...plainOperations({ name, manager, random, violate }),
    ...cacheOperations({ cache, random }),
    ...nearOperations({ cache: near, random }),
    lock: lockOperation({ manager, lib, random, violate: violateUnlessLost }),
    limit: () => limiter.checkTokenBucket(`u${random.below(200)}`, 50, 20, { timeout: TIMEOUT_MS }),
    publish: () => pubsub.publish(channel(), { n: random.next() }),
    session: sessionOperation({ sessions, violate: violateUnlessLost }),
  };

  const load = { isRunning: true, received: 0 };
  const workers = Object.entries(operations).flatMap(([operation, run]) =>
    Array.from({ length: WORKERS }, () => work({ load, ledger, random, operation: `${name}/${operation}`, run })),
  );
  const listeners = Array.from({ length: CHANNELS }, (_, n) => listen(load, pubsub, `soak.${n}`));
  return async () => {
    load.isRunning = false;
    await Promise.all(workers);
    await pubsub.close();
    await Promise.all(listeners);
    await cache.close();
    await near.close();
  };
}

async function work({ load, ledger, random, operation, run }) {
  while (load.isRunning) {
    // an operation is a few calls, each with a deadline of its own
    await ledger.enter(operation, TIMEOUT_MS * 5, run);
    await pause(1 + random.below(20));
  }
}

async function listen(load, pubsub, channel) {
  while (load.isRunning) {
    try {
      for await (const _ of await pubsub.subscribe(channel)) load.received += 1;
    } catch {
      await pause(200);
    }
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
