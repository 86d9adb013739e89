/**
 * Uses all six features at once against the server at argv[2] until it is told to stop; then says what became of every
 * promise it was given, closes, and must end by itself.
 */
import { CacheManager, DistributedLock, PubSubManager, RateLimiter, RedisManager, SessionManager } from 'redis-utils';

const manager = await RedisManager.connect({ url: process.argv[2], prefix: `w${process.pid}`, commandTimeout: 1_000 });
const cache = new CacheManager(manager, '5m');
const sessions = new SessionManager(cache);
const limiter = new RateLimiter(manager);
const pubsub = new PubSubManager(manager);
// one each for those who change one at a time: changes of the same session may conflict
const sessionIds = await Promise.all(Array.from({ length: 64 }, () => sessions.createSession({ n: 0 }, '1h')));
const subscription = await pubsub.subscribe('news');

let unhandled = 0;
process.on('unhandledRejection', () => (unhandled += 1));

let serial = 0;
let turn = 0;
const features = {
  connection: () => manager.command(['INCR', 'n']),
  lease: async () => {
    const lease = await manager.lease({ timeout: 1_000 });
    try {
      return await lease.command(['BLPOP', 'nothing', 1], { timeout: 1_500 });
    } finally {
      lease.release();
    }
  },
  cache: () => cache.getOrSet(`k${(serial += 1)}`, () => ({ n: serial })),
  lock: () => new DistributedLock(manager, `l${(serial += 1)}`, '2s').run(async () => 'held', { timeout: 1_000 }),
  limit: () => limiter.checkTokenBucket('user', 1_000_000, 1_000_000),
  pubsub: () => pubsub.publish('news', { n: (serial += 1) }),
  session: () => sessions.updateSession(sessionIds[(turn += 1) % 64], { n: (serial += 1) }),
};

const counts = Object.fromEntries(Object.keys(features).map((name) => [name, { pending: 0, ok: 0, failed: 0 }]));
let running = true;
let received = 0;

const listening = (async () => {
  for await (const _ of subscription) received += 1;
})();

const loops = Object.entries(features).flatMap(([name, call]) =>
  Array.from({ length: 8 }, async () => {
    const count = counts[name];
    while (running) {
      count.pending += 1;
      await call().then(
        () => (count.ok += 1),
        () => (count.failed += 1),
      );
      count.pending -= 1;
      await new Promise(setImmediate);
    }
  }),
);

const stop = new Promise((resolve) => process.once('message', resolve));
const worksAlready = () => Object.values(counts).every(({ ok }) => ok > 0);
// a lease waits a second for nothing, so it is given that time
while (!worksAlready()) await new Promise((resolve) => setTimeout(resolve, 10));
process.send({ ready: true });
await stop;
running = false;
const settled = await Promise.race([
  Promise.all(loops).then(() => true),
  new Promise((resolve) => setTimeout(resolve, 8_000, false).unref()),
]);
const report = await manager.close({ drain: 500 });
await listening;
process.send({ settled, counts, unhandled, received, tookMs: report.tookMs });
process.disconnect();
