import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Once per test run: builds `dist/` for the tests that start processes of their own, and gives the run a folder. When
 * it is over, whatever server a crashed worker has left in that folder is ended by its process id.
 */
export default function setUp(): () => void {
  if (process.env['REDIS_UTILS_BUILT'] !== '1') build();
  const folder = mkdtempSync(join(tmpdir(), 'ru-run-'));
  process.env['REDIS_UTILS_TEST_RUN'] = folder;
  return () => {
    for (const entry of readdirSync(folder)) endServerIn(join(folder, entry));
    rmSync(folder, { recursive: true, force: true });
  };
}

function build(): void {
  const root = resolve(import.meta.dirname, '../..');
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
  } catch (error) {
    // Tests that do not need the build still run; those that do fail on what is missing in it.
    const said = (error as { stdout?: string }).stdout ?? String(error);
    process.stderr.write(`The build has errors:\n${said.split('\n').slice(0, 3).join('\n')}\n…\n`);
  }
}

function endServerIn(folder: string): void {
  const file = join(folder, 'pid');
  if (!existsSync(file)) return;
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
