import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

test('a quarter of a minute of mixed load under random faults leave nothing unsettled, unhandled, immortal or run twice', async () => {
  const args = ['--expose-gc', 'soak/main.mjs', '--minutes', '0.25', '--json'];
  // a failed run is reported with what it printed, the seed included
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 2 ** 24 }).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr.slice(-2_000)}`);
    },
  );
  const report = JSON.parse(stdout) as { settled: number; failures: string[] };
  expect(report.failures).toEqual([]);
  expect(report.settled).toBeGreaterThan(1_000);
});
