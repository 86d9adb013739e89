import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Runs a soak of its own; one that fails is reported with what it printed, the seed included. */
async function run(...args: string[]): Promise<string> {
  const running = promisify(execFile)(process.execPath, ['--expose-gc', ...args, '--json'], {
    cwd: root,
    maxBuffer: 2 ** 24,
  });
  const { stdout } = await running.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout}\n${error.stderr.slice(-2_000)}`);
  });
  return stdout;
}

test('a quarter of a minute of mixed load under random faults leave nothing unsettled, unhandled, immortal or run twice', async () => {
  const stdout = await run('soak/main.mjs', '--minutes', '0.25');
  const report = JSON.parse(stdout) as { settled: number; failures: string[] };
  expect(report.failures).toEqual([]);
  expect(report.settled).toBeGreaterThan(1_000);
});

test.each(['tracking', 'pubsub'])(
  'near caches under churn keep to their bounds and to their word, with their feeds cut at random: %s',
  async (coherence) => {
    const stdout = await run('soak/near.mjs', '--minutes', '0.2', '--coherence', coherence);
    const report = JSON.parse(stdout) as { reads: number; failures: string[] };
    expect(report.failures).toEqual([]);
    expect(report.reads).toBeGreaterThan(1_000);
  },
);
