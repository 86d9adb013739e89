import { untilAborted } from '../../../core/abort.js';
import type { Clock, Timer } from '../../../core/clock.js';

export interface AttemptLimits {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Waits for an attempt to connect. @throws `signal.reason`, or an error that says `timeout` */
export async function withinAttempt<T>(work: Promise<T>, { clock, timeoutMs, signal }: AttemptLimits): Promise<T> {
  let timer: Timer | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = clock.timer(timeoutMs, () => reject(new Error('connect timeout')));
  });
  try {
    return await untilAborted(Promise.race([work, limit]), signal);
  } finally {
    timer?.cancel();
  }
}
