import { toDate } from '../../core/clock.js';
import { ServerError } from '../../core/errors.js';
import type { CacheEntry, EntryState } from '../entries/cache-entry.js';
import { type EntryFlags, flagsOf, isLeased, timesOf } from '../entries/entry-header.js';
import type { Scope } from '../scope.js';

/** Reads a key and says what there is, whatever it is; undefined where there is nothing. */
export async function explain(scope: Scope, id: string): Promise<CacheEntry<unknown> | undefined> {
  const key = scope.space.key(id);
  const { manager } = scope.common;
  if (manager.serverTime.shouldAsk()) await manager.serverTime.ask();
  const [got, left] = await manager.pipeline(
    [
      ['GET', key],
      ['PTTL', key],
    ],
    { reply: 'bytes' },
  );
  if (got === undefined || left === undefined) return undefined;
  if (!left.ok) throw left.error;
  const expiresInMs = Number(left.value) < 0 ? undefined : Number(left.value);
  if (!got.ok) {
    if (!(got.error instanceof ServerError) || got.error.replyCode !== 'WRONGTYPE') throw got.error;
    return { ...NOTHING_SAID, state: 'other-type', expiresInMs, problem: got.error };
  }
  if (!Buffer.isBuffer(got.value)) return undefined;
  return { ...describe(scope, key, got.value), expiresInMs };
}

/** What the bytes of an entry say. */
export function describe(scope: Scope, key: string, bytes: Buffer): CacheEntry<unknown> {
  const nowMs = scope.common.manager.serverTime.latestMs();
  try {
    const standing = scope.format.standing(key, bytes, nowMs);
    if (!scope.format.isEntry(bytes)) {
      return { ...NOTHING_SAID, state: 'fresh', value: scope.format.value(key, bytes), bytes: bytes.length };
    }
    const said = { ...NOTHING_SAID, ...timesSaid(bytes), isLeased: isLeased(bytes, nowMs), bytes: bytes.length };
    if (standing === 'none') return { ...said, state: whyNone(scope, bytes) };
    if (flagsOf(bytes).isNegative) return { ...said, state: 'not-found' };
    return { ...said, state: standing, value: scope.format.value(key, bytes) };
  } catch (error) {
    return { ...NOTHING_SAID, state: 'unreadable', bytes: bytes.length, problem: error as Error };
  }
}

function whyNone(scope: Scope, bytes: Buffer): EntryState {
  const { isPlaceholder, hasTags }: EntryFlags = flagsOf(bytes);
  if (isPlaceholder) return 'loading';
  if (hasTags) return 'unreadable';
  return scope.format.isOfThisVersion(bytes) ? 'over' : 'other-version';
}

function timesSaid(bytes: Buffer): Pick<CacheEntry<unknown>, 'createdAt' | 'freshUntil' | 'staleUntil' | 'loadMs'> {
  const { createdMs, freshUntilMs, staleUntilMs, loadMs } = timesOf(bytes);
  return {
    createdAt: dateAt(createdMs),
    freshUntil: dateAt(freshUntilMs),
    staleUntil: dateAt(staleUntilMs),
    loadMs: loadMs === 0 ? undefined : loadMs,
  };
}

function dateAt(ms: number): Date | undefined {
  return ms === 0 ? undefined : toDate(ms);
}

const NOTHING_SAID = {
  value: undefined,
  tier: 'redis',
  createdAt: undefined,
  freshUntil: undefined,
  staleUntil: undefined,
  expiresInMs: undefined,
  loadMs: undefined,
  isLeased: false,
  bytes: 0,
  problem: undefined,
} as const;
