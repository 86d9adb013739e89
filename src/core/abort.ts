import type { Clock, Timer } from './clock.js';

/**
 * Waits for `promise`, or rejects with `signal.reason` as soon as the signal aborts. The wait ends, the work does
 * not: whatever the promise settles to afterwards is dropped.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return void (onAbort(), promise.catch(ignore));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves after `delayMs`; rejects with `signal.reason` when the signal aborts first. Keeps the process alive. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error);
    let timer: Timer | undefined;
    const onAbort = (): void => {
      timer?.cancel();
      reject(signal?.reason as Error);
    };
    timer = clock.timer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** For promises whose failure has another owner. */
export function ignore(): void {}
