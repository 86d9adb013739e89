import type { Clock, Timer } from '../../../core/clock.js';

/** One way to get an answer; what it holds is given back when the signal aborts. */
export type Way<T> = (signal: AbortSignal) => Promise<T>;

export interface AskOptions {
  readonly clock: Clock;
  /** A way that has been silent for so long does not keep the next one waiting. */
  readonly patienceMs: number;
  /** A failure after which nobody else is asked. */
  readonly isFinal: (error: unknown) => boolean;
}

/**
 * Tries one way after another: the next when the one before failed, or has been silent for a while. The first answer
 * counts, and ends all that is still under way.
 * @throws the first failure that is final, or the last one
 */
export function askInTurn<T>(
  ways: readonly Way<T>[],
  { clock, patienceMs, isFinal }: AskOptions,
  signal: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const rest = [...ways];
    const attempt = new AbortController();
    let running = 0;
    let timer: Timer | undefined;
    const end = (settle: () => void): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      attempt.abort();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const fail = (error: unknown): void => {
      running -= 1;
      if (attempt.signal.aborted) return;
      if (isFinal(error) || (rest.length === 0 && running === 0)) end(() => reject(error));
      else tryNext();
    };
    const tryNext = (): void => {
      timer?.cancel();
      const way = rest.shift();
      if (way === undefined) return;
      running += 1;
      way(attempt.signal).then((answer) => end(() => resolve(answer)), fail);
      if (rest.length > 0) timer = clock.timer(patienceMs, tryNext);
    };
    if (signal.aborted) return reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    tryNext();
  });
}
