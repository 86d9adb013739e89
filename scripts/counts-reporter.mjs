// @ts-check
/**
 * A vitest reporter that writes what a run came to into the file that its environment names: the counts, and each
 * failure with its project, so that the test command can sum up several runs and tell failures at the very end.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/** How much of each failure is told again. */
const FAILURE_LINES = 12;

/** @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Counts */
/** @import { SerializedError, TestModule } from 'vitest/node' */

export default class CountsReporter {
  /**
   * @param {readonly TestModule[]} modules
   * @param {readonly SerializedError[]} unhandled
   */
  onTestRunEnd(modules, unhandled) {
    /** @type {Counts} */
    const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') fail(counts, `${where(module)}: ${test.fullName}`, errors);
        else counts.skipped++;
      }
      // A file that cannot be loaded, a hook that fails: no test tells of it.
      const errors = module.errors();
      if (errors.length > 0) fail(counts, where(module), errors);
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) fail(counts, `${where(module)}: ${suite.fullName}`, suite.errors());
      }
    }
    if (unhandled.length > 0) fail(counts, 'outside of any test', unhandled);
    writeFileSync(/** @type {string} */ (process.env['TEST_COUNTS_FILE']), JSON.stringify(counts));
  }
}

/** @param {TestModule} module */
function where(module) {
  return `${module.project.name}: ${relative(module.project.config.root, module.moduleId)}`;
}

/**
 * @param {Counts} counts
 * @param {string} title
 * @param {readonly SerializedError[]} errors
 */
function fail(counts, title, errors) {
  counts.failed++;
  const lines = errors.flatMap(({ message, diff, stack }) =>
    [
      message,
      diff ?? '',
      ...(stack ?? '').split('\n').filter((line) => /^\s*at .*\//.test(line) && !/node_modules/.test(line)),
    ]
      .join('\n')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(0, FAILURE_LINES),
  );
  counts.failures.push([title, ...lines.map((line) => `    ${line}`)].join('\n'));
}
