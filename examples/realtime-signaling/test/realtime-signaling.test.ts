import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { noLeaks } from '../../../test/support/no-leaks.js';
import { startWorker, type Worker } from '../../../test/support/processes.js';
import { RedisServer } from '../../../test/support/redis-server.js';
import { TestClient } from './clients.js';

noLeaks();

const folder = resolve(import.meta.dirname, '..');
const root = resolve(folder, '../..');

beforeAll(() => {
  execFileSync(resolve(root, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'inherit' });
}, 60_000);

interface Process {
  readonly worker: Worker;
  readonly port: number;
}

async function startProcess(url: string): Promise<Process> {
  const worker = startWorker('examples/realtime-signaling/dist/server.js', { env: { PORT: '0', REDIS_URL: url } });
  const port = await eventually(
    () => {
      const found = /signaling on ws:\/\/localhost:(\d+)/.exec(worker.output);
      if (found === null) throw new Error(`The process does not listen. It printed:\n${worker.output}`);
      return Number(found[1]);
    },
    { within: 10_000 },
  );
  return { worker, port };
}

async function startTwo(): Promise<{ readonly server: RedisServer; readonly processes: readonly [Process, Process] }> {
  const server = await RedisServer.start();
  const processes = await Promise.all([startProcess(server.url), startProcess(server.url)]);
  return { server, processes };
}

describe('realtime signaling', () => {
  it('what a client does on one process reaches the clients of its document on every process, and no others', async () => {
    const { server, processes } = await startTwo();
    const [first, second] = processes;
    const ada = await TestClient.join(first.port, 'readme', 'ada');
    const grace = await TestClient.join(second.port, 'readme', 'grace');
    const alan = await TestClient.join(second.port, 'readme:notes', 'alan');
    await ada.told({ type: 'joined', user: 'grace' });
    for (const text of ['one', 'two', 'three']) ada.send({ type: 'edit', text });
    grace.send({ type: 'cursor', position: 7 });
    await ada.told({ type: 'cursor', user: 'grace', position: 7 });
    await grace.told({ type: 'edit', text: 'three' });
    expect(grace.edits).toEqual(['one', 'two', 'three']);
    expect(ada.edits).toEqual([]);
    expect(alan.received).toEqual([{ type: 'welcome', documentId: 'readme:notes' }]);
    expect(await server.command(['PUBSUB', 'NUMSUB', 'signaling:readme'])).toEqual(['signaling:readme', 2]);
    grace.close();
    await ada.told({ type: 'left', user: 'grace' });
    expect(await server.command(['PUBSUB', 'NUMSUB', 'signaling:readme'])).toEqual(['signaling:readme', 1]);
  });

  it('clients keep receiving after the server was killed and started again, and hear of the gap', async () => {
    const { server, processes } = await startTwo();
    const [first, second] = processes;
    const ada = await TestClient.join(first.port, 'readme', 'ada');
    const grace = await TestClient.join(second.port, 'readme', 'grace');
    await server.kill();
    ada.send({ type: 'edit', text: 'lost' });
    await ada.told({ type: 'error', reason: 'RU_CONNECTION' });
    await server.restart();
    const gaps = await Promise.all([ada.told({ type: 'gap' }), grace.told({ type: 'gap' })]);
    for (const gap of gaps) expect(Number(gap['sinceMs'])).toBeLessThanOrEqual(Number(gap['untilMs']));
    await eventually(() => {
      ada.send({ type: 'edit', text: 'back' });
      return grace.edits.includes('back');
    });
    expect(grace.edits).not.toContain('lost');
  });

  it('refuses what is not a message, to its sender alone', async () => {
    const { server, processes } = await startTwo();
    const [first, second] = processes;
    const ada = await TestClient.join(first.port, 'readme', 'ada');
    const grace = await TestClient.join(second.port, 'readme', 'grace');
    ada.send('{ no JSON');
    ada.send({ type: 'cursor', position: -1 });
    ada.send({ type: 'edit', text: 7 });
    ada.send({ type: 'shout' });
    const stranger = await TestClient.open(first.port);
    stranger.send({ type: 'edit', text: 'not joined' });
    await stranger.told({ type: 'error', reason: 'join a document first' });
    for (const reason of ['not JSON', 'wrong position', 'wrong text', 'wrong type'])
      await ada.told({ type: 'error', reason });
    // a foreign publisher's bad message is dropped by the schema on the way in, a good one is read
    await server.command(['PUBLISH', 'signaling:readme', '{"event":{"type":"edit","text":"bad"}}']);
    const good = { connectionId: 'x', user: 'cron', event: { type: 'edit', text: 'good' } };
    await server.command(['PUBLISH', 'signaling:readme', JSON.stringify(good)]);
    await grace.told({ type: 'edit', user: 'cron', text: 'good' });
    expect(grace.edits).toEqual(['good']);
  });

  it('a process that is told to end says goodbye for its clients and exits', async () => {
    const { processes } = await startTwo();
    const [first, second] = processes;
    const ada = await TestClient.join(first.port, 'readme', 'ada');
    await TestClient.join(second.port, 'readme', 'grace');
    process.kill(second.worker.pid, 'SIGTERM');
    await ada.told({ type: 'left', user: 'grace' });
    expect(await second.worker.exited).toEqual({ code: 0, signal: null });
  });
});
