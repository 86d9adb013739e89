/**
 * A long outage under an open load: callers that do not wait for each other ask for all features while the server is
 * frozen or gone. Prints what the heap holds each second, and exits with 1 when it grows, when a call does not settle,
 * or when the server is back and the calls still fail.
 *
 *   npm run soak:outage -- --seconds 60 --how kill
 */
import { parseArgs } from 'node:util';

import { heapMb } from './inspect.mjs';
import { Ledger } from './ledger.mjs';

const HELP = `Usage: npm run soak:outage -- [options]
  --seconds N     how long the server is away, default 60
  --how HOW       kill (default) or freeze
  --rate N        calls per second, default 6000
  --server ID     a server of .servers/ or its beginning, such as valkey-8.1
  --json          the report as JSON`;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    how: { type: 'string', default: 'kill' },
    rate: { type: 'string', default: '6000' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const TICK_MS = 10;
/** What may wait for the server in this run. */
const QUEUE_MB = 4;
const seconds = Number(options.seconds);
const lib = await import('../dist/index.js');
const testing = await import('../dist/testing/index.js');
const ledger = new Ledger();
const rejections = [];
process.on('unhandledRejection', (reason) => rejections.push(String(reason?.stack ?? reason)));

const server = await testing.RedisServer.start({ version: options.server });
const manager = await lib.RedisManager.connect({
  url: server.url,
  offlineQueue: { maxBytes: QUEUE_MB * 1024 * 1024 },
});
const operations = features();
const perTick = Math.max(1, Math.round((Number(options.rate) * TICK_MS) / 1000 / operations.length));
const ticking = setInterval(ask, TICK_MS);

await pause(2_000);
const beforeMb = heapMb();
const outcomesBefore = structuredClone(ledger.outcomes);
await (options.how === 'freeze' ? server.pause() : server.kill());
const duringMb = [];
for (let second = 1; second <= seconds; second += 1) {
  await pause(1_000);
  duringMb.push(Number(heapMb().toFixed(1)));
  process.stderr.write(
    `${second} s away: heap ${duringMb.at(-1)} MB, ${ledger.settled} settled, ${ledger.open} open\n`,
  );
}
await (options.how === 'freeze' ? server.resume() : server.restart());
await pause(3_000);
const outcomesAway = structuredClone(ledger.outcomes);
await pause(2_000);
clearInterval(ticking);
await manager.close({ drain: '2s' });
await pause(1_000);
const afterMb = heapMb();
await server.stop();

const failures = [];
const boundMb = beforeMb * 1.2 + 10;
const mostMb = Math.max(...duringMb);
if (mostMb > boundMb + QUEUE_MB)
  failures.push(`the heap held ${mostMb} MB, ${boundMb + QUEUE_MB} at most was expected`);
if (afterMb > boundMb) failures.push(`the heap kept ${afterMb} MB, ${boundMb} at most was expected`);
if (ledger.open > 0) failures.push(`${ledger.open} calls had not settled at the end`);
if (ledger.overdue.length > 0) failures.push(`${ledger.overdue.length} calls settled late`);
failures.push(...rejections.map((text) => `unhandled rejection: ${text}`));
for (const [name, { ok }] of Object.entries(ledger.outcomes)) {
  if (!(outcomesBefore[name]?.ok > 0)) failures.push(`${name} never succeeded before the outage`);
  if (!(ok > outcomesAway[name].ok)) failures.push(`${name} did not succeed after the outage`);
}
const report = {
  seconds,
  how: options.how,
  settled: ledger.settled,
  heapMb: {
    before: Number(beforeMb.toFixed(1)),
    most: mostMb,
    last: duringMb.at(-1),
    after: Number(afterMb.toFixed(1)),
  },
  outcomes: ledger.outcomes,
  failures,
};
process.stdout.write(`${JSON.stringify(report, null, options.json ? 0 : 2)}\n`);
process.exit(failures.length === 0 ? 0 : 1);

function features() {
  const cache = new lib.CacheManager(manager, '1m');
  const sessions = new lib.SessionManager(cache);
  const limiter = new lib.RateLimiter(manager);
  const pubsub = new lib.PubSubManager(manager);
  let turn = 0;
  const next = () => (turn += 1) % 1_000;
  return Object.entries({
    command: () => manager.command(['SET', `k${next()}`, 'x'.repeat(1_000), 'PX', 60_000]),
    cache: () => cache.getOrSet(`k${next()}`, async () => ({ text: 'y'.repeat(1_000) })),
    lock: async () => (await new lib.DistributedLock(manager, `l${next()}`, '5s').tryAcquire())?.release(),
    limit: () => limiter.checkTokenBucket(`u${next()}`, 50, 20),
    publish: () => pubsub.publish('outage', { n: next() }),
    session: async () => sessions.destroySession(await sessions.createSession({ n: next() }, '1m')),
  });
}

/** Asks without waiting for anything. */
function ask() {
  for (let time = 0; time < perTick; time += 1) {
    for (const [name, operation] of operations) void ledger.enter(name, 15_000, operation);
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
