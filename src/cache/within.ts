import type { Clock } from '../core/clock.js';
import { TimeoutError } from '../core/errors.js';

/** What ends one caller's wait. The work goes on for whoever else waits for it. */
export interface Limits {
  readonly operation: string;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Runs `wait` with one signal for both limits, and clears what was set up for it. */
export async function within<T>(
  clock: Clock,
  { operation, timeoutMs, signal }: Limits,
  wait: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  if (timeoutMs === undefined) return wait(signal);
  const controller = new AbortController();
  const timer = clock.timer(timeoutMs, () => controller.abort(new TimeoutError(operation, timeoutMs)));
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await wait(controller.signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
