import { expect, test } from 'vitest';
import { CacheManager, type LoadOptions } from '../../../src/cache/index.js';
import { RedisManager } from '../../../src/client/manager.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { startWorker, type Worker } from '../../support/processes.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const PROCESSES = 4;
const CALLERS = 100;
const PREFIX = 'ru';

interface Answer {
  /** What the callers got: the number of the load that made it. */
  readonly values: readonly number[];
  readonly tookMs: number;
}

async function start() {
  const server = await RedisServer.start();
  const workers = Array.from({ length: PROCESSES }, () => startWorker('cache-caller', { args: [server.url, PREFIX] }));
  for (const worker of workers) expect(await worker.next()).toBe('ready');
  const manager = await RedisManager.connect({ url: server.url, prefix: PREFIX });
  afterThisTest(async () => void (await manager.close({ drain: 100 })));
  const loads = async (key: string): Promise<number> => Number(await server.command(['GET', `${PREFIX}:loads:${key}`]));
  return { server, workers, cache: new CacheManager(manager, '1m'), loads };
}

function ask(workers: readonly Worker[], key: string, options: LoadOptions<unknown> & { loadMs?: number } = {}): void {
  const { loadMs = 200, ...rest } = options;
  for (const worker of workers) worker.send({ key, callers: CALLERS, loadMs, options: rest });
}

/** The answer of a worker, past what it says of its loads. */
async function answer(worker: Worker): Promise<Answer> {
  for (;;) {
    const message = await worker.next<Answer | { loading: number }>();
    if ('values' in message) return message;
  }
}

test('four processes with a hundred callers each on one cold key cause exactly one load', async () => {
  const { workers, loads } = await start();
  for (const key of ['a', 'b', 'c']) {
    ask(workers, key);
    const answers = await Promise.all(workers.map(answer));
    expect(answers.map(({ values }) => values)).toEqual(answers.map(() => [1]));
    expect(await loads(key)).toBe(1);
  }
});

test('on a stale key they cause exactly one load in the background, and all are answered before it is over', async () => {
  const { workers, cache, loads } = await start();
  await cache.set('k', { loads: 0 }, { ttl: '1m', grace: '1m' });
  await cache.markStale('k');
  ask(workers, 'k', { grace: '1m', loadMs: 1_500 });
  const answers = await Promise.all(workers.map(answer));
  for (const { values, tookMs } of answers) {
    expect(values).toEqual([0]);
    expect(tookMs).toBeLessThan(1_500);
  }
  await eventually(async () => (await cache.get<{ loads: number }>('k'))?.loads === 1);
  expect(await loads('k')).toBe(1);
});

test('when the process that loads is killed, another loads once its lease is over', async () => {
  const { workers, loads } = await start();
  const [holder, ...others] = workers as [Worker, ...Worker[]];
  holder.send({ key: 'k', callers: 1, loadMs: 60_000, options: { lease: 600 } });
  expect(await holder.next()).toEqual({ loading: holder.pid });
  ask(others, 'k', { lease: 600 });
  await holder.kill();
  const answers = await Promise.all(others.map(answer));
  expect(answers.map(({ values }) => values)).toEqual(others.map(() => [2]));
  expect(await loads('k')).toBe(2);
});

test('when the process that loads stands still for longer than its lease, what it brings is not stored', async () => {
  const { workers, cache, loads } = await start();
  const [holder, ...others] = workers as [Worker, ...Worker[]];
  holder.send({ key: 'k', callers: 1, loadMs: 300, options: { lease: 500 } });
  expect(await holder.next()).toEqual({ loading: holder.pid });
  holder.pause();
  ask(others, 'k', { lease: 500 });
  const answers = await Promise.all(others.map(answer));
  expect(answers.map(({ values }) => values)).toEqual(others.map(() => [2]));
  holder.resume();
  expect(await answer(holder)).toMatchObject({ values: [1] });
  expect(await cache.get('k')).toEqual({ loads: 2 });
  expect(await loads('k')).toBe(2);
});
