/**
 * How long it takes from the release of a lock until the next of many waiting processes has it, beside a bare message
 * from one process to another in the same run; and what that costs in commands.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createClient } from '@redis/client';

import { startServer } from '../server.mjs';
import { median } from '../table.mjs';

const { values: options } = parseArgs({
  options: {
    processes: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
    server: { type: 'string' },
  },
});
const processes = Number(options.processes);
const rounds = Number(options.rounds);
const HOLD_MS = 5;

const server = await startServer(options.server);
process.on('exit', () => server.stop());
const admin = createClient({ socket: { path: server.socketPath } });
admin.on('error', () => {});
await admin.connect();
const workers = await Promise.all(Array.from({ length: processes }, start));
for (const worker of workers) await ask(worker, { do: 'warm' });

const handovers = [];
const drains = [];
let commands = 0;
let inversions = 0;
for (let round = 0; round < rounds; round += 1) {
  say(`round ${round + 1} of ${rounds}`);
  await admin.configResetStat();
  const first = ask(workers[0], { do: 'wait', holdMs: 300 });
  while (!(await admin.hGet('ru:lock:{job}', 'o'))) await new Promise(setImmediate);
  const turns = [];
  for (const [n, worker] of workers.slice(1).entries()) {
    turns.push(ask(worker, { do: 'wait', holdMs: HOLD_MS }));
    while ((await admin.hGet('ru:lock:{job}', 't')) !== String(n + 1)) await new Promise(setImmediate);
  }
  const held = await first;
  const done = await Promise.all(turns);
  commands += (await calls()) - 2;
  const order = [held, ...done];
  for (let n = 1; n < order.length; n += 1) {
    if (order[n].acquiredAt < order[n - 1].releasedAt) inversions += 1;
    handovers.push(order[n].acquiredAt - order[n - 1].releasedAt);
  }
  const holds = done.reduce((sum, { acquiredAt, releasedAt }) => sum + releasedAt - acquiredAt, 0);
  drains.push((done.at(-1).releasedAt - held.releasedAt) / holds);
}

// from one process to the next, as the lock goes: each of them has been idle for as long
for (const [n, worker] of workers.entries()) await ask(worker, { do: 'listen', channel: `bare-${n}` });
const bare = [];
for (let turn = 0; turn < handovers.length; turn += 1) {
  await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
  const to = (turn + 1) % processes;
  const heard = next(workers[to]);
  const { publishedAt } = await ask(workers[turn % processes], { do: 'publish', channel: `bare-${to}` });
  bare.push((await heard).heardAt - publishedAt);
}

const report = {
  node: process.version,
  server: server.name,
  processes,
  handoverMs: median(handovers),
  bareMs: median(bare),
  ratio: median(handovers) / median(bare),
  commandsPerHandover: commands / handovers.length,
  drainOfHolds: median(drains),
  inversions,
};
if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else {
  const ms = (value) => `${value.toFixed(3)} ms`;
  process.stdout.write(
    `Node ${report.node.slice(1)}, ${server.name}, ${processes} processes, ${handovers.length} hand-overs\n` +
      `  from release to the next holder   ${ms(report.handoverMs)}  (median)\n` +
      `  a bare message                    ${ms(report.bareMs)}  (${report.ratio.toFixed(2)}×)\n` +
      `  commands per hand-over            ${report.commandsPerHandover.toFixed(2)}\n` +
      `  drain, of the sum of all holds    ${report.drainOfHolds.toFixed(2)}×\n` +
      `  not in their order                ${inversions}\n`,
  );
}
process.exit(0);

async function start() {
  const worker = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), [server.socketPath], {
    serialization: 'advanced',
  });
  await next(worker);
  return worker;
}

function next(worker) {
  return new Promise((resolve) => worker.once('message', resolve));
}

function ask(worker, message) {
  const answer = next(worker);
  worker.send(message);
  return answer;
}

async function calls() {
  const stats = await admin.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Progress goes to the error stream, so that results can be piped. */
function say(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\u001B[K${text}` : `${text}\n`);
}
