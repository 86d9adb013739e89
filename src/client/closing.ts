import type { Clock, Timer } from '../core/clock.js';

/**
 * Runs steps one after another within a time limit, and says whether all of them finished. A step that fails is
 * reported and counts as finished; one that outlives the limit goes on unwatched, its later failure is reported too.
 */
export async function finishWithin(
  steps: readonly (() => void | Promise<void>)[],
  limitMs: number,
  { clock, report }: { readonly clock: Clock; readonly report: (error: unknown) => void },
): Promise<boolean> {
  let timer: Timer | undefined;
  const limit = new Promise<false>((resolve) => (timer = clock.timer(limitMs, () => resolve(false))));
  try {
    for (const step of steps) {
      const done = Promise.resolve()
        .then(step)
        .then(
          () => true,
          (error: unknown) => {
            report(error);
            return true;
          },
        );
      if (!(await Promise.race([done, limit]))) return false;
    }
    return true;
  } finally {
    timer?.cancel();
  }
}
