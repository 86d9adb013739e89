import { afterAll, onTestFinished } from 'vitest';

/**
 * One place that gives back what a test took. Import it only from test files and from this folder: it registers a hook
 * for the file that imports it.
 */

type Cleanup = () => void | Promise<void>;

const atFileEnd: Cleanup[] = [];

/** Runs `cleanup` when the current test has finished, last one first; outside a test, when the file has. */
export function afterThisTest(cleanup: Cleanup): void {
  try {
    onTestFinished(cleanup);
  } catch {
    afterThisFile(cleanup);
  }
}

/** Runs `cleanup` when all tests of the file have finished, last one first. */
export function afterThisFile(cleanup: Cleanup): void {
  atFileEnd.push(cleanup);
}

afterAll(async () => {
  for (let cleanup = atFileEnd.pop(); cleanup !== undefined; cleanup = atFileEnd.pop()) await cleanup();
});
