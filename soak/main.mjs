/**
 * The soak: mixed load over all features on a single server behind a proxy, on a cluster and on a primary with
 * sentinels, a random fault every two seconds, and at the end a report of what must not have happened. Exits with 1
 * when something did.
 *
 *   npm run soak -- --minutes 10 --seed 1
 */
import { parseArgs } from 'node:util';

import { startCluster, startSentinels, startSingle } from './groups.mjs';
import { heapMb, keysWithoutExpiry } from './inspect.mjs';
import { Ledger } from './ledger.mjs';
import { startLoad } from './load.mjs';
import { seeded } from './random.mjs';
import { judge, print } from './report.mjs';

const HELP = `Usage: npm run soak -- [options]
  --minutes N     how long, default 10; 0.5 is a glance
  --seed S        of the faults and the load, default: from the clock
  --server ID     a server of .servers/ or its beginning, such as valkey-8.1
  --no-cluster    without the cluster
  --no-sentinels  without the primary with sentinels
  --json          the report as JSON`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    server: { type: 'string' },
    cluster: { type: 'boolean', default: true },
    sentinels: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const minutes = Number(options.minutes);
const seed = Number(options.seed ?? Date.now() % 1_000_000);
const FAULT_EVERY_MS = 2_000;
const lib = await import('../dist/index.js');
const testing = await import('../dist/testing/index.js');
const random = seeded(seed);
const ledger = new Ledger();
const violations = [];
const rejections = [];
process.on('unhandledRejection', (reason) => rejections.push(String(reason?.stack ?? reason)));

say(`seed ${seed}, ${minutes} minutes`);
const starts = [
  startSingle,
  ...(options.cluster ? [startCluster] : []),
  ...(options.sentinels ? [startSentinels] : []),
];
const groups = await Promise.all(starts.map((start) => start({ testing, version: options.server, random })));
for (const group of groups) {
  group.manager = await lib.RedisManager.connect({
    url: group.url,
    commandTimeout: '1500ms',
    connectTimeout: '1s',
    unresponsiveAfter: '1s',
    heartbeat: '1s',
  });
}

const violate = (what) => violations.length < 100 && violations.push(what);
const loads = groups.map((group) => startLoad({ group, lib, random, ledger, violate }));

const startedAt = performance.now();
const heap = [];
const happened = {};
let nextMinute = 60_000;
let lastFault = 'none';
while (performance.now() - startedAt < minutes * 60_000) {
  // what still heals from one fault gets no other; meanwhile the rest has its own troubles
  const free = groups.filter(({ busy }) => busy === undefined);
  const possible = free.flatMap((group) =>
    Object.entries(group.faults).map(([name, fault]) => ({ group, name, fault })),
  );
  if (possible.length > 0) lastFault = strike(random.pick(possible));
  await pause(FAULT_EVERY_MS);
  const elapsedMs = performance.now() - startedAt;
  if (elapsedMs >= nextMinute) {
    heap.push(heapMb());
    nextMinute += 60_000;
  }
  const stuck = ledger.stuck();
  if (stuck.length > 0) violate(`${stuck.length} promises are overdue: ${stuck[0].name}`);
  progress(elapsedMs);
}

say('ending the load');
await Promise.all(groups.map(({ busy }) => busy));
await Promise.all(groups.map(({ heal }) => heal()));
await Promise.race([Promise.all(loads.map((stop) => stop())), pause(30_000)]);
const unsettled = ledger.open;
heap.push(heapMb());
const closings = [];
const immortal = [];
for (const { manager, primaries, stop } of groups) {
  closings.push(await manager.close({ drain: '2s' }));
  for (const server of await primaries()) immortal.push(...(await keysWithoutExpiry(server)));
  await stop();
}

const report = {
  seed,
  minutes,
  settled: ledger.settled,
  unsettled,
  overdue: ledger.overdue,
  violations,
  rejections,
  immortal,
  heapMb: heap.map((mb) => Number(mb.toFixed(1))),
  faults: happened,
  closings: closings.map(({ drained, tookMs }) => ({ drained, tookMs: Math.round(tookMs) })),
  outcomes: ledger.outcomes,
};
const failures = judge(report);
if (options.json) process.stdout.write(`${JSON.stringify({ ...report, failures }, null, 2)}\n`);
else print(report, failures);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Makes a fault and lets it heal by itself. */
function strike({ group, name, fault }) {
  happened[name] = (happened[name] ?? 0) + 1;
  group.busy = Promise.resolve()
    .then(fault)
    .catch((error) => violate(`the fault '${name}' could not be made: ${error.message}`))
    .finally(() => (group.busy = undefined));
  return name;
}

function progress(elapsedMs) {
  const left = Math.max(0, Math.round((minutes * 60_000 - elapsedMs) / 1000));
  const states = groups.map(({ name: group, manager }) => `${group} ${manager.state}`).join(', ');
  say(`${left} s left, ${ledger.settled} settled, ${ledger.open} open, ${states}; last fault: ${lastFault}`);
}

/** Progress goes to the error stream, so that the report can be piped. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
