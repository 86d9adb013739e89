import { tracingChannel } from 'node:diagnostics_channel';

/** `redis-utils:cache.load`: one run of a loader. */
export interface CacheLoadTrace {
  /** As its caller named it. */
  readonly key: string;
  /** Nobody waits for it: a stale value is served meanwhile, or the old one is not over yet. */
  readonly background: boolean;
  /** What it failed with, from the `error` event on. */
  error?: unknown;
}

export const loadTraces = tracingChannel<unknown, CacheLoadTrace>('redis-utils:cache.load');
