import { checkKnown } from '../core/check.js';
import { toMs, type Duration } from '../core/duration.js';

/**
 * How long a session lives. A plain duration is a fixed expiry, moved only by `extendSession`. `{ idle, absolute }`
 * slides: each use gives it `idle` more, and it ends at `absolute` after its creation whatever happens.
 */
export type SessionTtl = Duration | { readonly idle: Duration; readonly absolute?: Duration | undefined };

/** A session's lifetime in whole milliseconds. */
export interface Lifetime {
  /** From creation to the first expiry. */
  readonly ttlMs: number;
  /** What each use gives; 0 for a fixed expiry. */
  readonly idleMs: number;
  /** From creation to the deadline that nothing moves. */
  readonly absoluteMs: number;
}

/** @param absoluteMs the deadline where `ttl` names none @throws ConfigError under `path` */
export function toLifetime(ttl: SessionTtl, absoluteMs: number, path: string): Lifetime {
  if (typeof ttl !== 'object') {
    return { ttlMs: Math.min(toMs(ttl, path), absoluteMs), idleMs: 0, absoluteMs };
  }
  checkKnown(path, ttl, ['idle', 'absolute']);
  const idleMs = toMs(ttl.idle, `${path}.idle`);
  const deadlineMs = ttl.absolute === undefined ? absoluteMs : toMs(ttl.absolute, `${path}.absolute`);
  return { ttlMs: Math.min(idleMs, deadlineMs), idleMs, absoluteMs: deadlineMs };
}

/** Uses closer together than this are not written; it bounds the writes of a busy session to one a minute. */
const MAX_TOUCH_EVERY_MS = 60_000;

/**
 * How far apart two writes of `lastSeen` are at least: a tenth of the idle time, at most a minute. So the idle time
 * that is in force lies between nine tenths of what was asked for and all of it, and is never longer.
 */
export function touchEveryMs(idleMs: number): number {
  if (idleMs === 0) return MAX_TOUCH_EVERY_MS;
  return Math.min(MAX_TOUCH_EVERY_MS, Math.max(1, Math.floor(idleMs / 10)));
}
