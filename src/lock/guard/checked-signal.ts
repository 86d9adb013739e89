/** An abort controller whose signal looks at the clock itself whenever it is asked. */
export interface CheckedSignal {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

const { get: isAborted } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted') as { get: () => boolean };

/**
 * `signal.aborted` and `signal.throwIfAborted()` run `check` first, so that they are right even directly after the
 * event loop stood still, when no timer has had its turn yet.
 */
export function checkedSignal(check: () => void): CheckedSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = (): boolean => {
    check();
    return isAborted.call(signal);
  };
  const throwIfAborted = (): void => {
    if (aborted()) throw signal.reason as Error;
  };
  Object.defineProperties(signal, { aborted: { get: aborted }, throwIfAborted: { value: throwIfAborted } });
  return { signal, abort: (reason) => controller.abort(reason) };
}
