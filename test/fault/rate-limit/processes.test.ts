import { expect, test } from 'vitest';
import { RedisServer } from '../../support/redis-server.js';
import { startWorker } from '../../support/processes.js';

const CAPACITY = 50;
const REFILL = 200;
const PROCESSES = 4;

test('four processes on one bucket are admitted the capacity and the refill of the time, and not one more', async () => {
  const server = await RedisServer.start();
  const readTimeUs = async (): Promise<number> => {
    const [seconds, micros] = await server.command<[string, string]>(['TIME']);
    return Number(seconds) * 1e6 + Number(micros);
  };
  const fromUs = await readTimeUs();
  const args = [server.url, 'ru', String(CAPACITY), String(REFILL)];
  const workers = Array.from({ length: PROCESSES }, () => startWorker('limit-hammer', { args }));
  for (const worker of workers) expect(await worker.next()).toBe('ready');
  const readyUs = await readTimeUs();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const untilUs = await readTimeUs();
  for (const worker of workers) worker.send('stop');
  const counts = await Promise.all(workers.map((worker) => worker.next<{ asked: number; admitted: number }>()));
  const toUs = await readTimeUs();
  const admitted = counts.reduce((sum, one) => sum + one.admitted, 0);
  const asked = counts.reduce((sum, one) => sum + one.asked, 0);
  expect(admitted).toBeLessThanOrEqual(Math.floor(CAPACITY + (REFILL * (toUs - fromUs)) / 1e6));
  expect(admitted, 'greedy clients get all that is allowed').toBeGreaterThanOrEqual(
    Math.floor((REFILL * (untilUs - readyUs)) / 1e6),
  );
  expect(asked).toBeGreaterThan(admitted);
  const keys = await server.command<string[]>(['KEYS', '*']);
  for (const key of keys) expect(await server.command(['PTTL', key])).toBeGreaterThan(0);
});
