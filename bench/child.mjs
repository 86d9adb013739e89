/**
 * One contender and one case in a process of its own: sets up, proves that the answers are right, measures at each
 * concurrency, prints the numbers as one line of JSON.
 */
import { createClient } from '@redis/client';

import { cases } from './cases/index.mjs';
import { contenders } from './contenders/index.mjs';

const { socketPath, caseId, contenderName, concurrencies, timeMs, warmUpMs } = JSON.parse(process.argv[2]);
const kind = cases.find(({ id }) => id === caseId);
const contender = contenders.find(({ name }) => name === contenderName);

const admin = createClient({ socket: { path: socketPath } });
admin.on('error', () => {});
await admin.connect();
await admin.sendCommand(['FLUSHALL']);

const subject = await contender.features[kind.feature]({ socketPath });
await kind.prepare?.(subject);
await kind.check(subject);

await load({ concurrency: 64, ms: warmUpMs }); // so that the first concurrency is not measured with cold code
const results = [];
for (const concurrency of concurrencies) results.push(await measure(concurrency));
await subject.close();
await admin.close();
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));

async function measure(concurrency) {
  await load({ concurrency, ms: warmUpMs });
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const operations = await load({ concurrency, ms: timeMs });
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    concurrency,
    perSecond: operations / seconds,
    cpuMicros: (cpu.user + cpu.system) / operations,
    commands: await countCommands(concurrency),
  };
}

/** As many callers as `concurrency`, each calling again as soon as it is answered, for `ms` or `most` operations. */
async function load({ concurrency, ms, most = Infinity }) {
  const endsAt = performance.now() + ms;
  let turn = 0;
  let done = 0;
  const call = async (caller) => {
    while (turn < most && performance.now() < endsAt) {
      await kind.run(subject, { caller, turn: (turn += 1) });
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, caller) => call(caller)));
  return done;
}

/** Commands per operation as the server sees them come in, without those that scripts run inside of it. */
async function countCommands(concurrency) {
  const watcher = admin.duplicate();
  await watcher.connect();
  const marker = `end-${concurrency}`;
  let commands = 0;
  let onMarker;
  const seen = new Promise((resolve) => (onMarker = resolve));
  await watcher.monitor((line) => {
    if (line.includes(marker)) onMarker();
    else if (!/^\S+ \[\d+ lua\]/.test(line)) commands += 1;
  });
  const operations = await load({ concurrency, ms: 1000, most: Math.max(200, concurrency * 4) });
  await admin.sendCommand(['PING', marker]);
  await seen;
  watcher.destroy();
  return commands / operations;
}
