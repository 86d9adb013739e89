import { describe, expect, it } from 'vitest';

import { noLeaks } from '../support/no-leaks.js';
import { startWorker, type Worker } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

interface Report {
  readonly settled: boolean;
  readonly counts: Record<string, { pending: number; ok: number; failed: number }>;
  readonly unhandled: number;
  readonly received: number;
  readonly tookMs: number;
}

async function underLoad(): Promise<{ server: RedisServer; worker: Worker }> {
  const server = await RedisServer.start();
  const worker = startWorker('all-features', { args: [server.url] });
  expect(await worker.next()).toEqual({ ready: true });
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { server, worker };
}

async function outcome(worker: Worker): Promise<Report> {
  worker.send('stop');
  const report = await worker.next<Report>();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(report).toMatchObject({ settled: true, unhandled: 0 });
  expect(report.tookMs).toBeLessThan(600);
  for (const [feature, { pending, ok }] of Object.entries(report.counts)) {
    expect({ feature, pending }).toEqual({ feature, pending: 0 });
    if (feature !== 'lease') expect({ feature, worked: ok > 0 }).toEqual({ feature, worked: true });
  }
  return report;
}

describe('all six features under load in one process', () => {
  it('settle every promise and let the process end when the server is killed', async () => {
    const { server, worker } = await underLoad();
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { counts } = await outcome(worker);
    expect(counts['connection']?.failed).toBeGreaterThan(0);
    expect(counts['session']?.failed).toBeGreaterThan(0);
  });

  it('settle every promise and let the process end when the server freezes', async () => {
    const { server, worker } = await underLoad();
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { counts } = await outcome(worker);
    expect(counts['connection']?.failed).toBeGreaterThan(0);
  });

  it('go on when the server was killed and has come back', async () => {
    const { server, worker } = await underLoad();
    await server.restart();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    // it came back empty, so these are calls that it answered since
    expect(Number(await server.command(['GET', 'n']))).toBeGreaterThan(0);
    const { received } = await outcome(worker);
    expect(received).toBeGreaterThan(0);
  });

  it('end on their own when nothing goes wrong', async () => {
    const { worker } = await underLoad();
    const { counts } = await outcome(worker);
    for (const [feature, { failed }] of Object.entries(counts))
      expect({ feature, failed }).toEqual({ feature, failed: 0 });
  });
});
