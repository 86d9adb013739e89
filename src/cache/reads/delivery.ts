import type { PendingCall } from '../../client/coalescer.js';
import type { MissReason } from '../stats.js';
import type { Read } from './read.js';
import type { Verdict } from './verdict.js';

/** A read, and the promise that it will settle. */
export type Waiting = PendingCall<Read, unknown>;

/** Settles a read with an entry that was found, and what it is worth. Never throws. */
export function conclude(waiting: Waiting, bytes: Buffer, verdict: Verdict): void {
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
  call.found = verdict;
  call.by.tally.hits += 1;
  waiting.resolve(value);
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
