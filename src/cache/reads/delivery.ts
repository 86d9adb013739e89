import type { PendingCall } from '../../client/coalescer.js';
import { freshUntilOf, isSliding, loadMsOf } from '../entries/entry-header.js';
import type { Copy } from '../near/copy.js';
import type { NearView } from '../near/near.js';
import type { MissReason } from '../stats.js';
import type { Read, Reading } from './read.js';
import type { Verdict } from './verdict.js';

/** A read, and the promise that it will settle. */
export type Waiting = PendingCall<Read, unknown>;

/** An entry that was found, and what it is worth. */
export interface Judged {
  readonly bytes: Buffer;
  readonly verdict: Verdict;
  /** Not behind the server's time. */
  readonly nowMs: number;
  /** Of the epochs in which it is valid: its namespace's, and those of its tags. */
  readonly epochKeys: readonly string[];
}

/** Settles a read with an entry. Never throws. */
export function conclude(waiting: Waiting, judged: Judged): void {
  const { call } = waiting;
  const { bytes, verdict } = judged;
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
  if (call.by.near !== undefined && call.aim !== 'presence') keepNear(call, call.by.near, { ...judged, value });
  call.found = verdict;
  call.by.tally.hits += 1;
  waiting.resolve(value);
}

/** The value of a copy that is kept near, for one caller. */
export function valueNear({ tally, format }: Reading, { key, value, bytes }: Copy): unknown {
  tally.hits += 1;
  tally.nearHits += 1;
  return bytes === undefined ? value : format.value(key, bytes);
}

/** What a read prolongs, and what has no header, is always read from Redis. */
function keepNear({ key, id, by, since }: Read, view: NearView, found: Judged & { readonly value: unknown }): void {
  const { bytes, verdict, value, nowMs, epochKeys } = found;
  const { near } = view;
  const isShared = near.share(value);
  if (verdict !== 'fresh' || !by.format.isEntry(bytes) || isSliding(bytes)) return;
  const freshUntilMs = freshUntilOf(bytes);
  const leftMs = freshUntilMs === 0 ? undefined : freshUntilMs - nowMs;
  near.offer({ view, id, key, bytes, value, isShared, loadMs: loadMsOf(bytes), leftMs, epochKeys, since });
}

export function miss({ call, resolve }: Waiting, found: 'absent' | 'unusable', why: MissReason): void {
  call.found = found;
  call.by.tally.misses[why] += 1;
  resolve(undefined);
}

/** What cannot be decoded may be written over, unlike what could not be read. */
export function unreadable(waiting: Waiting, error: unknown): void {
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
