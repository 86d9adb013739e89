import { checkKnown } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { ConditionError } from './errors.js';

/** Bound at load, so that a test with fake timers still waits in real time. */
const realTimeout = globalThis.setTimeout;
const realNow = performance.now.bind(performance);

export interface EventuallyOptions {
  /** How long the condition may take. Default: 5 seconds. */
  readonly within?: Duration;
  /** The pause between two looks. Default: 5 ms. */
  readonly every?: Duration;
}

/**
 * Waits until `condition` neither throws nor rejects nor gives `false`, and returns what it gave: the way to wait in a
 * test without a sleep. Looks at once, then again after each pause; a look that is under way when the time is over is
 * waited for.
 *
 * @throws what the last look threw, as it was, so that an assertion inside shows its own difference
 * @throws ConditionError when the last look gave `false`
 */
export async function eventually<T>(condition: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  checkKnown('eventually', options, ['within', 'every']);
  const withinMs = toMs(options.within ?? 5000, 'eventually.within', { min: 0 });
  const everyMs = toMs(options.every ?? 5, 'eventually.every', { min: 0 });
  const endsAt = realNow() + withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await condition();
      if (value !== false) return value;
    } catch (error) {
      failure = error;
    }
    if (realNow() >= endsAt) {
      if (failure instanceof Error) throw failure;
      throw new ConditionError(`The condition did not become true within ${withinMs} ms: ${condition.toString()}`);
    }
    await pause(everyMs);
  }
}

/** Lets real time pass, whatever the test does to timers. */
export function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    realTimeout(resolve, waitMs);
  });
}
