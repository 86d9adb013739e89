import { toDate } from '../../core/clock.js';
import { DecodeError } from '../../codec/index.js';
import { ServerError } from '../../core/errors.js';
import type { CacheEntry } from '../entries/cache-entry.js';
import { FLAG, hasFlag, isLeased, timesOf } from '../entries/entry-header.js';
import { tagsOf } from '../entries/tag-section.js';
import type { Scope } from '../scope.js';
import { type Verdict, verdictOn } from './verdict.js';

/** Reads a key and says what there is, whatever it is; undefined where there is nothing. */
export async function explain(scope: Scope, id: string): Promise<CacheEntry<unknown> | undefined> {
  const key = scope.space.key(id);
  const { manager } = scope.common;
  if (manager.serverTime.shouldAsk()) await manager.serverTime.ask();
  const asked = manager.pipeline(
    [
      ['GET', key],
      ['PTTL', key],
    ],
    { reply: 'bytes' },
  );
  const [[got, left], epoch] = await Promise.all([asked, scope.epochs.read(scope.epochKey)]);
  if (got === undefined || left === undefined) return undefined;
  if (!left.ok) throw left.error;
  const expiresInMs = Number(left.value) < 0 ? undefined : Number(left.value);
  if (!got.ok) {
    if (!(got.error instanceof ServerError) || got.error.replyCode !== 'WRONGTYPE') throw got.error;
    return { ...NOTHING_SAID, state: 'other-type', expiresInMs, problem: got.error };
  }
  const bytes = got.value;
  if (!Buffer.isBuffer(bytes)) return undefined;
  const nowMs = manager.serverTime.latestMs();
  try {
    return {
      ...describe(scope, { key, bytes, verdict: await verdictOn(scope, key, { bytes, epoch, nowMs }) }),
      expiresInMs,
    };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { ...NOTHING_SAID, state: 'unreadable', bytes: bytes.length, problem: error, expiresInMs };
  }
}

/** An entry, or a counter, and what it is worth. */
interface Described {
  readonly key: string;
  readonly bytes: Buffer;
  readonly verdict: Verdict;
}

/** What the bytes of an entry say. */
export function describe(scope: Scope, { key, bytes, verdict }: Described): CacheEntry<unknown> {
  const { format } = scope;
  const size = { bytes: bytes.length };
  try {
    if (!format.isEntry(bytes)) return { ...NOTHING_SAID, ...size, state: 'fresh', value: format.value(key, bytes) };
    const isHeld = isLeased(bytes, scope.common.manager.serverTime.latestMs());
    const tags = tagsOf(key, bytes).map(({ name }) => name);
    const said = { ...NOTHING_SAID, ...size, ...timesSaid(bytes), tags, isLeased: isHeld };
    if (verdict !== 'fresh' && verdict !== 'stale') return { ...said, state: verdict };
    if (hasFlag(bytes, FLAG.negative)) return { ...said, state: 'not-found' };
    return { ...said, state: verdict, value: format.value(key, bytes) };
  } catch (error) {
    return { ...NOTHING_SAID, ...size, state: 'unreadable', problem: error as Error };
  }
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
  tags: [],
  bytes: 0,
  problem: undefined,
} as const;
