import { tracingChannel } from 'node:diagnostics_channel';

import { traced } from '../client/tracing.js';

/** `redis-utils:lock`: one call of a method of a lock. */
export interface LockOperationTrace {
  readonly operation: 'acquire' | 'tryAcquire' | 'release' | 'forceRelease';
  /** As the user wrote it. */
  readonly key: string;
  /** What it failed with, from the `error` event on. */
  error?: unknown;
}

const lockTraces = tracingChannel<unknown, LockOperationTrace>('redis-utils:lock');

/** Runs a call, with its events if somebody listens. What `run` throws is a rejection. */
export function tracedLock<T>(
  operation: LockOperationTrace['operation'],
  key: string,
  run: () => Promise<T>,
): Promise<T> {
  if (lockTraces.hasSubscribers) return traced(lockTraces, { operation, key }, async () => run());
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}
