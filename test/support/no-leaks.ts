import { beforeEach, onTestFinished } from 'vitest';
import { eventually } from './eventually.js';

/**
 * Call once at the top of a test file: each of its tests fails if it leaves an unhandled rejection, or a timer, socket
 * or process that was not there before. The look comes after all clean-up of the test, managers and servers included.
 */
export function noLeaks(): void {
  beforeEach(() => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    const before = countResources();
    // Registered first, so run last.
    onTestFinished(async () => {
      try {
        await expectNoMoreThan(before);
      } finally {
        process.off('unhandledRejection', onRejection);
      }
      if (rejections.length > 0) throw new Error(`Unhandled rejections: ${rejections.map(String).join('; ')}`);
    });
  });
}

type Counts = ReadonlyMap<string, number>;

/** What keeps this process alive, by kind. What is unref'd does not count: it holds nobody up. */
export function countResources(): Counts {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What the test runner's own traffic with its parent comes and goes with. */
const OF_THE_RUNNER = new Set(['FSReqPromise', 'FSReqCallback', 'PipeWrap', 'TTYWrap', 'MessagePort', 'Immediate']);

async function expectNoMoreThan(before: Counts): Promise<void> {
  await eventually(
    () => {
      const more = [...countResources()].filter(
        // One timer more is the timer of `eventually` itself.
        ([kind, count]) => !OF_THE_RUNNER.has(kind) && count > (before.get(kind) ?? 0) + (kind === 'Timeout' ? 1 : 0),
      );
      if (more.length === 0) return;
      throw new Error(`Left behind by the test: ${more.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
    },
    { within: 2000 },
  );
}
