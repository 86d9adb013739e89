import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import type { LockInfo, LockWaiter } from '../lock-info.js';
import { readMetadata, readTenure } from './tenure.js';

/** Says who holds a lock; undefined: nobody. */
export const lockInspect: ScriptDef<readonly [], LockInfo | undefined> = defineScript<
  readonly [],
  LockInfo | undefined
>({
  name: 'lock.inspect',
  keys: ['lock'],
  args: [],
  readOnly: true,
  idempotent: true,
  decode,
  lua: `
local time = redis.call('TIME')
return {time[1], time[2], redis.call('HGETALL', KEYS[1])}`,
});

function decode(reply: Reply): LockInfo | undefined {
  const [seconds, micros, fields] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  if (!Array.isArray(fields)) throw new BadReplyError('lock.inspect', 'the time, and the fields of a hash', reply);
  const nowMicros = Number(seconds) * 1_000_000 + Number(micros);
  const lock = toMap(fields as readonly string[]);
  const tenure = readTenure([lock.get('o'), lock.get('f'), lock.get('x'), lock.get('m')], nowMicros);
  if (tenure === undefined) return undefined;
  const { metadata, fence, remainingMs, heldMs } = tenure;
  return { metadata, fence, remainingMs, heldMs, waiters: waitersOf(lock, Math.floor(nowMicros / 1_000), toWaiter) };
}

export function toMap(fields: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2)
    map.set(fields[index] as string, fields[index + 1] as string);
  return map;
}

/** In the order of their tickets. @param read what a waiter says about itself */
export function waitersOf<T>(
  lock: ReadonlyMap<string, string>,
  nowMs: number,
  read: (about: string, waitingMs: number) => T,
): T[] {
  return [...lock.keys()]
    .filter((field) => /^w\d+$/.test(field))
    .toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
    .flatMap((field) => {
      const [, untilMs, sinceMs, about = ''] = WAITER.exec(lock.get(field) ?? '') ?? [];
      // whose time is up and who has not left yet
      if (Number(untilMs) <= nowMs) return [];
      return [read(about, Math.max(0, nowMs - Number(sinceMs)))];
    });
}

const WAITER = /^\S+ \S+ \d+ (\d+) (\d+) (.*)$/s;

function toWaiter(metadata: string, waitingMs: number): LockWaiter {
  return { metadata: readMetadata(metadata), waitingMs };
}
