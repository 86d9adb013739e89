/** Runs the traps against the peers and prints who passes which. */
import { fork } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { absent, peers } from './adapters/index.mjs';
import { failures, resultTable, signOf } from './table.mjs';

const HELP = `Usage: npm run bench:races -- [options]
  --only T1,T5    only these traps
  --peer NAME     only these peers: ${peers.join(', ')}
  --server ID     a server of .servers/ or its beginning, such as redis-7.0, or embedded: our engine
  --json FILE     write the results as JSON, - for the output`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    peer: { type: 'string' },
    server: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const LIMIT_MS = 30_000;
const OURS = 'redis-utils';

if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
if (!existsSync(here('../../dist/cache/index.js'))) throw new Error('There is no dist/: run `npm run build` first');

// the traps import the test kit, which is there once dist/ is
const { traps } = await import('./traps/index.mjs');
const chosen = pick(traps, options.only, ({ id }) => id);
const columns = [];
let group;
process.on('exit', endGroup);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

for (const peer of pick(peers, options.peer, (name) => name)) columns.push(await runPeer(peer));

report();
const ours = columns.find(({ peer }) => peer === OURS);
process.exit(ours !== undefined && chosen.some(({ id }) => ours.results[id]?.fail !== undefined) ? 1 : 0);

function pick(all, wanted, nameOf) {
  if (wanted === undefined) return all;
  const names = wanted.split(',');
  const unknown = names.filter((name) => !all.some((one) => nameOf(one) === name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}\n${HELP}`);
  return all.filter((one) => names.includes(nameOf(one)));
}

/** A peer whose process ends goes on with the traps that are left, in a new one. */
async function runPeer(peer) {
  const column = { peer, versions: [], results: {} };
  for (let left = chosen; left.length > 0; left = chosen.filter(({ id }) => column.results[id] === undefined)) {
    const before = Object.keys(column.results).length;
    await runSome(column, left);
    if (Object.keys(column.results).length === before) throw new Error(`${peer} does not begin`);
  }
  return column;
}

function runSome(column, left) {
  const task = JSON.stringify({ peer: column.peer, ids: left.map(({ id }) => id), version: options.server });
  // a group of its own: with it all that it has started can be ended
  const child = fork(here('peer.mjs'), [task], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
  group = child.pid;
  let running;
  let timer;
  let printed = '';
  child.stderr.on('data', (text) => (printed = `${printed}${text}`.slice(-2000)));
  const end = (id, result) => {
    column.results[id] ??= result;
    say(`${column.peer} ${id} ${signOf(result)} ${result.fail ?? ''}`);
  };
  child.on('message', ({ about, begun, id, result, ended }) => {
    clearTimeout(timer);
    if (about !== undefined) Object.assign(column, about);
    if (begun !== undefined) {
      running = begun;
      const { limitMs = LIMIT_MS } = left.find((trap) => trap.id === begun);
      timer = setTimeout(() => {
        end(begun, { fail: `hung: not over after ${limitMs / 1000} s` });
        endGroup();
      }, limitMs);
    }
    if (result !== undefined) end(id, result);
    if (ended) running = undefined;
  });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      const last =
        printed
          .trim()
          .split('\n')
          .findLast((line) => /error/i.test(line)) ?? '';
      if (running !== undefined && column.results[running] === undefined) {
        end(running, { fail: `the process ended (${signal ?? code}) ${last}`.trim() });
      }
      if (running === undefined && code !== 0) say(printed);
      endGroup();
      resolve();
    });
  });
}

function endGroup() {
  if (group === undefined) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // all have ended
  }
  group = undefined;
}

function report() {
  const { server } = columns[0];
  const document = { date: new Date().toISOString(), node: process.version, server, absent, columns };
  if (options.json === '-') {
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(document, null, 2)}\n`);
  const versions = columns.flatMap((column) => column.versions);
  const missing = options.peer === undefined ? absent.map(({ name, why }) => ({ peer: name, results: {}, why })) : [];
  const lines = [
    `Node ${process.version}, ${server}, ${[...new Set(versions)].join(', ')}`,
    '',
    resultTable(chosen, [...columns, ...missing]),
    '',
    ...failures(chosen, columns),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Progress goes to the error stream, so that results can be piped. */
function say(text) {
  process.stderr.write(`${text.trimEnd()}\n`);
}
