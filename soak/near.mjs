/**
 * Near caches under churn: far more keys than they may hold, small and large values, read, written, invalidated and cleared by
 * two processes, the connection that tells of changes cut at random. Prints what they hold, and exits with 1 when one ever exceeds
 * its bounds, when the heap grows, or when a value is served that was changed longer ago than `maxStaleness`.
 *
 *   npm run soak:near -- --minutes 10
 */
import { parseArgs } from 'node:util';

import { heapMb } from './inspect.mjs';
import { seeded } from './random.mjs';

const HELP = `Usage: npm run soak:near -- [options]
  --minutes N     how long, default 10
  --seed S        of keys, values and faults, default: from the clock
  --coherence HOW tracking (default) or pubsub
  --server ID     a server of .servers/ or its beginning, such as valkey-8.1
  --json          the report as JSON`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    coherence: { type: 'string', default: 'tracking' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const BOUNDS = { maxEntries: 5_000, maxBytes: 8 * 1024 * 1024, maxStaleness: 1_000, coherence: options.coherence };
const KEYS = 100_000;
const SPACES = 4;
const TAGS = 50;
/** Late by a turn of the event loop is not late. */
const SLACK_MS = 250;

const seed = Number(options.seed ?? Date.now() % 2 ** 31);
const endsAtMs = performance.now() + Number(options.minutes) * 60_000;
const random = seeded(seed);
const lib = await import('../dist/index.js');
const testing = await import('../dist/testing/index.js');
const rejections = [];
process.on('unhandledRejection', (reason) => rejections.push(String(reason?.stack ?? reason)));

const server = await testing.RedisServer.start({ version: options.server });
const managers = [await lib.RedisManager.connect(server.url), await lib.RedisManager.connect(server.url)];
const caches = managers.map((manager) => new lib.CacheManager(manager, '1m', { near: BOUNDS }));
const spaces = caches.map((cache) => Array.from({ length: SPACES }, (_, n) => cache.namespace(`s${n}`)));
const someSpaces = () => random.pick(spaces);
// one of them writes a key, so that its versions reach the server in their order
const spaceToWrite = (n) => spaces[Math.floor(n / SPACES) % spaces.length][n % SPACES];
/** Of each key that was written: its last version that was confirmed, and when. */
const written = new Map();
const versions = new Map();
const most = { entries: 0, bytes: 0, heapMb: 0 };
const violations = [];
const counts = { reads: 0, writes: 0, invalidations: 0, cuts: 0 };

const isOver = () => performance.now() >= endsAtMs;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// few keys are asked for often, many seldom
const someKey = () => Math.floor(random.next() ** 3 * KEYS);
const tagsOf = (n) => [`t${n % TAGS}`];

await Promise.all([
  ...Array.from({ length: 8 }, read),
  ...Array.from({ length: 4 }, write),
  invalidate(),
  cut(),
  watch(),
]);
const endMb = heapMb();
const blindMs = caches.map((cache) => cache.stats().near.blindMs);
const total = (what) => spaces.flat().reduce((sum, space) => sum + space.stats()[what], 0);
const found = { hits: total('hits'), nearHits: total('nearHits'), misses: total('misses') };
for (const cache of caches) await cache.close();
for (const manager of managers) await manager.close();
await server.stop();

const failures = [...violations, ...rejections.map((text) => `unhandled rejection: ${text}`)];
if (most.entries > BOUNDS.maxEntries) failures.push(`it held ${most.entries} entries`);
if (most.bytes > BOUNDS.maxBytes) failures.push(`it held ${most.bytes} bytes`);
if (most.bytes < BOUNDS.maxBytes * 0.5)
  failures.push(`it never held more than ${most.bytes} bytes: this tests nothing`);
if (endMb > most.firstMb * 1.2 + 10)
  failures.push(`the heap holds ${endMb.toFixed(1)} MB, first it was ${most.firstMb}`);
const { firstMb, ...mostHeld } = most;
const heap = { first: firstMb, end: Number(endMb.toFixed(1)) };
const report = {
  seed,
  minutes: Number(options.minutes),
  coherence: options.coherence,
  ...counts,
  ...found,
  blindMs,
  most: mostHeld,
  heapMb: heap,
  failures,
};
process.stdout.write(`${JSON.stringify(report, null, options.json ? 0 : 2)}\n`);
process.exit(failures.length === 0 ? 0 : 1);

async function read() {
  while (!isOver()) {
    const n = someKey();
    const space = n % SPACES;
    const before = written.get(n);
    const sentMs = performance.now();
    const value = await someSpaces()[space].get(`k${n}`);
    counts.reads += 1;
    const isKnown = before !== undefined && value !== undefined && value.version < before.version;
    if (isKnown && sentMs - before.atMs > BOUNDS.maxStaleness + SLACK_MS) {
      violations.push(
        `k${n}: version ${value.version}, ${Math.round(sentMs - before.atMs)} ms after ${before.version}`,
      );
    }
    if (value === undefined && random.below(2) === 0) await store(n);
    else if (counts.reads % 50 === 0) await pause(0);
  }
}

async function write() {
  while (!isOver()) {
    await store(someKey());
    await pause(random.below(4));
  }
}

async function store(n) {
  // several may be on their way: what counts is that versions grow in the order in which they are sent
  const version = (versions.get(n) ?? 0) + 1;
  versions.set(n, version);
  const value = { version, text: 'x'.repeat(random.below(10) === 0 ? random.below(20_000) : random.below(500)) };
  await spaceToWrite(n).set(`k${n}`, value, { tags: tagsOf(n) });
  counts.writes += 1;
  const known = written.get(n);
  if (known === undefined || known.version < version) written.set(n, { version, atMs: performance.now() });
}

async function invalidate() {
  while (!isOver()) {
    await pause(200);
    counts.invalidations += 1;
    const space = random.pick(someSpaces());
    if (random.below(20) === 0) await space.clear();
    else await space.invalidateTags(`t${random.below(TAGS)}`, { mode: 'drop' });
  }
}

async function cut() {
  while (!isOver()) {
    await pause(1_000 + random.below(4_000));
    /** @type {string} */
    const clients = await managers[1].command(['CLIENT', 'LIST']);
    for (const client of clients.split('\n')) {
      if (random.below(2) === 0 || !/\bflags=\w*[tBP]/.test(client)) continue;
      counts.cuts += 1;
      await server.command(['CLIENT', 'KILL', 'ID', /\bid=(\d+)/.exec(client)[1]]);
    }
  }
}

async function watch() {
  const startMs = performance.now();
  for (let round = 0; !isOver(); round += 1) {
    await pause(250);
    const held = caches.map((cache) => cache.stats().near);
    for (const { entries, bytes } of held) {
      most.entries = Math.max(most.entries, entries);
      most.bytes = Math.max(most.bytes, bytes);
    }
    if (round % 20 !== 19) continue;
    const mb = Number(heapMb().toFixed(1));
    most.heapMb = Math.max(most.heapMb, mb);
    // by the end of the first minute, or before, it is as full as it gets
    if (performance.now() - startMs < 60_000) most.firstMb = Math.max(most.firstMb ?? 0, mb);
    const leftS = Math.max(0, Math.round((endsAtMs - performance.now()) / 1000));
    const each = held.map(({ entries, bytes, blindMs: blind }) => {
      return `${entries} entries of ${(bytes / 2 ** 20).toFixed(1)} MiB, blind for ${blind} ms`;
    });
    process.stderr.write(
      `${leftS} s left: ${each.join(' · ')}; heap ${mb} MB, ${counts.reads} reads, ${counts.writes} writes, ` +
        `${counts.cuts} cuts, ${violations.length} violations\n`,
    );
  }
}
