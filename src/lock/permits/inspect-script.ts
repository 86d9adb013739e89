import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import { toMap, waitersOf } from '../calls/inspect-script.js';
import { readMetadata } from '../calls/tenure.js';
import type { PermitHolder, PermitMode, PermitsInfo, PermitWaiter } from './permits-info.js';

/** Says who holds a semaphore or a read-write lock; undefined: nobody. */
export const permitsInspect: ScriptDef<readonly [], PermitsInfo | undefined> = defineScript<
  readonly [],
  PermitsInfo | undefined
>({
  name: 'permits.inspect',
  keys: ['pool'],
  args: [],
  readOnly: true,
  idempotent: true,
  decode,
  lua: `
local time = redis.call('TIME')
return {time[1], time[2], redis.call('HGETALL', KEYS[1])}`,
});

function decode(reply: Reply): PermitsInfo | undefined {
  const [seconds, micros, fields] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  if (!Array.isArray(fields)) throw new BadReplyError('permits.inspect', 'the time, and the fields of a hash', reply);
  const nowMicros = Number(seconds) * 1_000_000 + Number(micros);
  const pool = toMap(fields as readonly string[]);
  const holders = holdersOf(pool, nowMicros);
  if (holders.length === 0) return undefined;
  const waiters = waitersOf(pool, Math.floor(nowMicros / 1_000), toWaiter);
  return { mode: MODES.get(pool.get('p') ?? '') ?? 'permits', holders, waiters };
}

const MODES = new Map<string, PermitMode>([
  ['s', 'permits'],
  ['r', 'read'],
  ['w', 'write'],
]);
const HELD = /^(\d+) (\d+) (\d+) \S* (.*)$/s;

function holdersOf(pool: ReadonlyMap<string, string>, nowMicros: number): PermitHolder[] {
  const holders: PermitHolder[] = [];
  for (const [field, held] of pool) {
    if (!field.startsWith('o')) continue;
    const [, leaseEnd, weight, fence = '0', metadata] = HELD.exec(held) ?? [];
    const remainingMs = Number(leaseEnd) - Math.floor(nowMicros / 1_000);
    if (!(remainingMs > 0)) continue;
    holders.push({
      metadata: readMetadata(metadata),
      weight: Number(weight),
      fence: BigInt(fence),
      remainingMs,
      heldMs: Math.max(0, Math.floor((nowMicros - Number(fence)) / 1_000)),
    });
  }
  return holders.toSorted((a, b) => (a.fence < b.fence ? -1 : 1));
}

function toWaiter(about: string, waitingMs: number): PermitWaiter {
  const [shape = ''] = about.split(' ', 1);
  const [weight, permits] = shape.split('/');
  const mode = permits === undefined ? (shape as PermitMode) : 'permits';
  return {
    mode,
    weight: mode === 'permits' ? Number(weight) : 1,
    metadata: readMetadata(about.slice(shape.length + 1)),
    waitingMs,
  };
}
