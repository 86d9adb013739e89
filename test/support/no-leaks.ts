import { beforeEach, onTestFinished } from 'vitest';
import { noLeaks as watchedBy } from '../../src/testing/leaks.js';

/**
 * Call once at the top of a test file: each of its tests fails if it leaves an unhandled rejection, or a timer, socket
 * or process that was not there before. The look comes after all clean-up of the test, managers and servers included:
 * it is registered first in each test, so it runs last.
 */
export function noLeaks(): void {
  let check: () => Promise<void>;
  watchedBy({
    beforeEach: (hook) => {
      beforeEach(() => {
        hook();
        onTestFinished(() => check());
      });
    },
    afterEach: (hook) => {
      check = hook;
    },
  });
}
