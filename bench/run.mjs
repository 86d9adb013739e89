/**
 * Measures redis-utils beside other packages. Each contender and case runs in a process of its own, in rounds that
 * alternate (A B C, B C A, …), so that what else the machine does falls on all alike; the median of the rounds counts.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { cases } from './cases/index.mjs';
import { contenders } from './contenders/index.mjs';
import { startServer } from './server.mjs';
import { caseTable, median } from './table.mjs';

const HELP = `Usage: npm run bench -- [options]
  --only WORD     only cases whose name begins with it: ${cases.map(({ id }) => id).join(' ')}
  --quick         3 short rounds instead of 7: a glance, not a measurement
  --rounds N      so many rounds
  --json          print results as JSON
  --save          write results to bench/results/<date>-node<version>.json
  --node PATH     run the measured processes on another Node.js
  --server ID     measure with this server of .servers/`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    node: { type: 'string', default: process.execPath },
    server: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7));
const timing = options.quick ? { timeMs: 250, warmUpMs: 100 } : { timeMs: 700, warmUpMs: 300 };
const concurrencies = [1, 64, 512];

const chosen = cases.filter(({ id }) => options.only === undefined || id.startsWith(options.only));
if (chosen.length === 0) throw new Error(`No case begins with '${options.only}'\n${HELP}`);
if (!existsSync(here('../dist/client/index.js'))) throw new Error('There is no dist/: run `npm run build` first');

await install();
const server = await startServer(options.server);
process.on('exit', () => server.stop());
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const nodeVersion = (await run(options.node, ['--version'])).stdout.trim();
const about = {
  node: nodeVersion,
  server: server.name,
  transport: 'unix socket',
  rounds,
  ...timing,
  cpus: cpus().length,
};
say(
  `Node ${nodeVersion}, ${server.name} on a unix socket, ${rounds} rounds of ${timing.timeMs} ms, ${about.cpus} CPUs`,
);

const measured = [];
for (const [index, kind] of chosen.entries()) {
  const rows = await measureCase(kind, `case ${index + 1} of ${chosen.length}`);
  measured.push({ id: kind.id, title: kind.title, rows });
  if (!options.json) process.stdout.write(`${caseTable(kind, rows)}\n`);
}
const report = { ...about, date: new Date().toISOString(), cases: measured };
if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
if (options.save) save();
process.exit(0);

/** The packages to compare with are no dependencies of the project: they are fetched when first needed. */
async function install() {
  if (existsSync(here('node_modules/.package-lock.json'))) return;
  say('installing the packages to compare with');
  await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here('.') });
}

async function measureCase(kind, place) {
  const field = contenders.filter(({ features }) => features[kind.feature] !== undefined);
  const samples = new Map(field.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let n = 0; n < field.length; n += 1) {
      const { name } = field[(round + n) % field.length];
      say(`${place}, ${kind.id}: round ${round + 1} of ${rounds}, ${name}`);
      samples.get(name).push(await measureOnce(kind.id, name));
    }
  }
  return field.map(({ name, role }) => ({ name, role, results: summarise(samples.get(name)) }));
}

async function measureOnce(caseId, contenderName) {
  const task = { socketPath: server.socketPath, caseId, contenderName, concurrencies, ...timing };
  try {
    const { stdout } = await run(options.node, [here('child.mjs'), JSON.stringify(task)], { timeout: 60_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1));
  } catch (error) {
    throw new Error(`${contenderName} failed at ${caseId}:\n${error.stderr || error.message}`, { cause: error });
  }
}

function summarise(runs) {
  return concurrencies.map((concurrency, n) => {
    const of = (name) => median(runs.map((results) => results[n][name]));
    const speeds = runs.map((results) => results[n].perSecond);
    return {
      concurrency,
      perSecond: Math.round(of('perSecond')),
      slowest: Math.round(Math.min(...speeds)),
      fastest: Math.round(Math.max(...speeds)),
      cpuMicros: Number(of('cpuMicros').toFixed(2)),
      commands: Number(of('commands').toFixed(3)),
    };
  });
}

function save() {
  mkdirSync(here('results'), { recursive: true });
  const path = here(`results/${report.date.slice(0, 10)}-node${nodeVersion.slice(1).split('.')[0]}.json`);
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  say(`written to ${path}`);
}

/** Progress goes to the error stream, so that results can be piped. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else process.stderr.write(`${text}\n`);
}
