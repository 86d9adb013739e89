import { tracingChannel } from 'node:diagnostics_channel';

import { traced } from '../client/tracing.js';

/** `redis-utils:cache`: one call of a method of a cache. */
export interface CacheOperationTrace {
  /** The method: `get`, `getOrSet`, `invalidateTags`, … */
  readonly operation: string;
  /** What the keys of its namespace begin with. */
  readonly root: string;
  /** As the caller named it; undefined where the call is about several keys, or none. */
  readonly key: string | undefined;
  /** What it failed with, from the `error` event on. */
  error?: unknown;
}

export const cacheTraces = tracingChannel<unknown, CacheOperationTrace>('redis-utils:cache');

/** Runs a call with its events. Ask `hasSubscribers` first. @param run must not throw */
export function tracedCall<T>(about: CacheOperationTrace, run: () => Promise<T>): Promise<T> {
  return traced(cacheTraces, about, run);
}
