import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';

/** Once per test run: builds `dist/` for the tests that start processes of their own. */
export default function setUp(): void {
  if (process.env['REDIS_UTILS_BUILT'] === '1') return;
  const root = resolve(import.meta.dirname, '../..');
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, encoding: 'utf8' });
  } catch (error) {
    // Tests that do not need the build still run; those that do fail on what is missing in it.
    const said = (error as { stdout?: string }).stdout ?? String(error);
    process.stderr.write(`The build has errors:\n${said.split('\n').slice(0, 3).join('\n')}\n…\n`);
  }
}
