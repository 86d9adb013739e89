/**
 * One peer in a process of its own: runs the traps that it is sent, one after another, and says how each went. What
 * nobody catches ends the process, and is the failure of the trap that ran.
 */
import { readFileSync } from 'node:fs';

import { RedisManager } from '../../dist/client/index.js';
import { EmbeddedRedis, RedisServer } from '../../dist/testing/index.js';
import { Context } from './context.mjs';
import { traps } from './traps/index.mjs';

const { peer, ids, version: wanted } = JSON.parse(process.argv[2]);
let running;

for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    const result = { fail: `${event}: ${firstLine(error)}` };
    process.send({ id: running, result }, () => process.exit(1));
  });
}
process.on('disconnect', () => process.exit(1));

const adapter = await import(`./adapters/${peer}.mjs`);
const server = wanted === 'embedded' ? await embedded() : await RedisServer.start({ port: true, version: wanted });
const offered = await offers();
process.send({ about: { versions: adapter.packages.map(versionOf), server: server.binary.version } });

for (const trap of traps.filter(({ id }) => ids.includes(id))) {
  running = trap.id;
  process.send({ begun: trap.id });
  const missing = trap.needs.filter((need) => !offered.has(need));
  process.send({ id: trap.id, result: missing.length > 0 ? { missing } : await run(trap) });
}
process.send({ ended: true }, () => process.exit(0));

/** The engine of the test kit behind a port, which has no process that could be stopped or killed. */
async function embedded() {
  const engine = await EmbeddedRedis.start({ listen: 'tcp' });
  const connection = await RedisManager.connect({ url: engine.url, offlineQueue: false });
  return {
    url: engine.url,
    port: engine.port,
    binary: { version: 'the embedded engine' },
    command: (args) => connection.command(args),
  };
}

/** The methods of an instance, and what it can be opened with. */
async function offers() {
  const probe = await adapter.open({ url: server.url, ttlMs: 60_000 });
  const methods = Object.keys(probe);
  await probe.close();
  // what the traps ask of the server, and our engine does not know
  const ofServer = wanted === 'embedded' ? [] : ['keyspaceCounts', 'COPY'];
  return new Set([...methods, ...adapter.features, ...ofServer]);
}

async function run(trap) {
  await server.command(['FLUSHALL']);
  const context = new Context({ peer, adapter, server, trap });
  try {
    return (await trap.run(context)) ?? 'pass';
  } catch (error) {
    return { fail: `threw ${firstLine(error)}` };
  } finally {
    await context.close();
  }
}

function versionOf(name) {
  const { version } = JSON.parse(
    readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  );
  return `${name} ${version}`;
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0];
}
