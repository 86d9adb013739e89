import type { PendingCall } from '../../client/coalescer.js';
import { freshUntilOf, loadMsOf } from '../entries/entry-header.js';
import type { Copy } from '../near/copy.js';
import type { MissReason } from '../stats.js';
import type { Read, Reading } from './read.js';
import type { Verdict } from './verdict.js';

/** A read, and the promise that it will settle. */
export type Waiting = PendingCall<Read, unknown>;

/** Settles a read with an entry and what it is worth; returns the value, if it is given one. Never throws. */
export function conclude(waiting: Waiting, bytes: Buffer, verdict: Verdict): unknown {
  const { call } = waiting;
  if (verdict !== 'fresh' && (verdict !== 'stale' || call.aim !== 'load')) {
    return miss(waiting, 'unusable', MISSES[verdict]);
  }
  let value: unknown;
  try {
    const { format } = call.by;
    value = call.aim === 'presence' ? format.mayBeValue(bytes) : format.value(call.key, bytes);
  } catch (error) {
    return unreadable(waiting, error);
  }
  // as it will be when it comes from near
  if (call.by.near !== undefined && call.aim !== 'presence') call.isShared = call.by.near.near.share(value);
  call.found = verdict;
  call.by.tally.hits += 1;
  waiting.resolve(value);
  return value;
}

/** The value of a copy that is kept near, for one caller. */
export function valueNear({ tally, format }: Reading, { key, value, bytes }: Copy): unknown {
  tally.hits += 1;
  tally.nearHits += 1;
  return bytes === undefined ? value : format.value(key, bytes);
}

/** A fresh entry that was given to a caller. */
export interface Kept {
  readonly bytes: Buffer;
  readonly value: unknown;
  /** Not behind the server's time. */
  readonly nowMs: number;
  /** Of the epochs in which it is valid: its namespace's, and those of its tags. */
  readonly epochKeys: readonly string[];
}

/** Keeps near what was found; but what has no header is always read from Redis. */
export function keepNear({ key, id, by, since, isShared }: Read, { bytes, value, nowMs, epochKeys }: Kept): void {
  const view = by.near;
  if (view === undefined || !by.format.isEntry(bytes)) return;
  const freshUntilMs = freshUntilOf(bytes);
  const leftMs = freshUntilMs === 0 ? Number.POSITIVE_INFINITY : freshUntilMs - nowMs;
  view.near.offer({ view, id, key, bytes, value, isShared, loadMs: loadMsOf(bytes), leftMs, epochKeys, since });
}

export function miss({ call, resolve }: Waiting, found: 'absent' | 'unusable', why: MissReason): undefined {
  call.found = found;
  call.by.tally.misses[why] += 1;
  resolve(undefined);
}

/** What cannot be decoded may be written over, unlike what could not be read. */
export function unreadable(waiting: Waiting, error: unknown): undefined {
  fail(waiting, error, 'unreadable');
  waiting.call.found = 'unusable';
}

export function fail({ call, resolve, reject }: Waiting, error: unknown, why: MissReason = 'failed'): void {
  call.by.tally.misses[why] += 1;
  try {
    call.by.failures.meet(call.operation, call.id, error);
    resolve(undefined);
  } catch (thrown) {
    reject(thrown);
  }
}

/** How a verdict is counted where a fresh value was wanted. */
export const MISSES: Record<Exclude<Verdict, 'fresh'>, MissReason> = {
  stale: 'stale',
  over: 'over',
  loading: 'loading',
  'other-version': 'otherVersion',
  cleared: 'cleared',
  invalidated: 'invalidated',
};
