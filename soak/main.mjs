/**
 * The soak: mixed load over all features on a single server behind a proxy and on a cluster, a random fault every two
 * seconds, and at the end a report of what must not have happened. Exits with 1 when something did.
 *
 *   npm run soak -- --minutes 10 --seed 1
 */
import { parseArgs } from 'node:util';

import { clusterFaults, networkFaults, serverFaults } from './faults.mjs';
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
  --json          the report as JSON`;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    server: { type: 'string' },
    cluster: { type: 'boolean', default: true },
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
const version = options.server;
const server = await testing.RedisServer.start({ version, port: true });
const proxy = await testing.FaultProxy.start(server);
const cluster = options.cluster ? await testing.RedisServer.startCluster({ version }) : undefined;
const connect = (url) =>
  lib.RedisManager.connect({
    url,
    commandTimeout: '1500ms',
    connectTimeout: '1s',
    unresponsiveAfter: '1s',
    heartbeat: '1s',
  });
const managers = new Map([['single', await connect(proxy.url)]]);
if (cluster) managers.set('cluster', await connect(cluster.url));

const violate = (what) => violations.length < 100 && violations.push(what);
const loads = [...managers].map(([name, manager]) => startLoad({ name, manager, lib, random, ledger, violate }));
const singleFaults = Object.entries({
  ...networkFaults({ proxy, random }),
  ...serverFaults({ server, proxy, random }),
});
const manyFaults = cluster ? Object.entries(clusterFaults({ cluster, random })) : [];

const startedAt = performance.now();
const heap = [];
const happened = {};
let clusterBusy;
let nextMinute = 60_000;
while (performance.now() - startedAt < minutes * 60_000) {
  const beganAt = performance.now();
  const intoCluster = cluster !== undefined && clusterBusy === undefined && random.next() < 0.4;
  const [name, fault] = random.pick(intoCluster ? manyFaults : singleFaults);
  happened[name] = (happened[name] ?? 0) + 1;
  const done = Promise.resolve()
    .then(fault)
    .catch((error) => violate(`the fault '${name}' could not be made: ${error.message}`));
  // the cluster takes its time to heal; meanwhile the single server has its own troubles
  if (intoCluster) clusterBusy = done.finally(() => (clusterBusy = undefined));
  else await done;
  await pause(Math.max(0, FAULT_EVERY_MS - (performance.now() - beganAt)));
  const elapsedMs = performance.now() - startedAt;
  if (elapsedMs >= nextMinute) {
    heap.push(heapMb());
    nextMinute += 60_000;
  }
  const stuck = ledger.stuck();
  if (stuck.length > 0) violate(`${stuck.length} promises are overdue: ${stuck[0].name}`);
  progress(elapsedMs, name);
}

say('ending the load');
await clusterBusy;
proxy.heal();
if (server.state === 'paused') server.resume();
await Promise.race([Promise.all(loads.map((stop) => stop())), pause(30_000)]);
const unsettled = ledger.open;
heap.push(heapMb());
const closings = [];
for (const manager of managers.values()) closings.push(await manager.close({ drain: '2s' }));
const immortal = await keysWithoutExpiry(server);
for (const node of cluster?.nodes ?? []) {
  if (node.state === 'running' && (await node.role()) === 'primary') immortal.push(...(await keysWithoutExpiry(node)));
}
await proxy.stop();
await Promise.all([server.stop(), cluster?.stop()]);

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

function progress(elapsedMs, fault) {
  const left = Math.max(0, Math.round((minutes * 60_000 - elapsedMs) / 1000));
  const states = [...managers].map(([name, { state }]) => `${name} ${state}`).join(', ');
  say(`${left} s left, ${ledger.settled} settled, ${ledger.open} open, ${states}; last fault: ${fault}`);
}

/** Progress goes to the error stream, so that the report can be piped. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
