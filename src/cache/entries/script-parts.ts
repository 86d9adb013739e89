/** What the scripts on an entry have in common. */
import { BadReplyError } from '../../core/errors.js';
import type { Reply } from '../../client/driver.js';

export const TIME = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
`;

/** The server's time, the header, and whether it is that of an entry. Every script answers `{status, now, …}`. */
export const HEAD = `${TIME}
local head = redis.call('GETRANGE', KEYS[1], 0, 47)
local entry = #head == 48 and string.sub(head, 1, 2) == '\\193\\2'
local function flag(bit) return math.floor(string.byte(head, 3) / bit) % 2 == 1 end
`;

/**
 * The times of a value that was loaded: createdAt, freshUntil, staleUntil, and whether it is quarantined: kept no longer than
 * that lasts, be it the quarantine of the entry which it replaces or the one that the caller knows of (0 = none). Then it says
 * so, and createdAt is its end.
 */
export const LIFE = `
local function life(ttl, grace, quarantined)
  if entry and flag(32) then quarantined = math.max(quarantined, (struct.unpack('>I6', head, 16))) end
  local fresh = now + ttl
  if quarantined <= now then return now, fresh, fresh + grace, false end
  return quarantined, math.min(fresh, quarantined), math.min(fresh + grace, quarantined), true
end
`;

/** Tells those who wait for the end of the lease, if that is permitted: they look by themselves, too. */
export const WAKE = `
local function wake(channel)
  if flag(16) then redis.pcall('PUBLISH', channel, KEYS[1]) end
end
`;

/** Writes the epochs of an entry anew: that of its namespace, and the tag section, which has the same length. */
export const STAMP = `
local function stamp(epoch, section)
  redis.call('SETRANGE', KEYS[1], 10, epoch)
  if section ~= '' then redis.call('SETRANGE', KEYS[1], flag(4) and 54 or 48, section) end
end
`;

/** Puts a placeholder without a lease in the place of what is there, which ends with the quarantine. */
export const TOMBSTONE = `
local function bury(placeholder, quarantine)
  local flags = string.char(string.byte(placeholder, 3) + 32)
  local header = string.sub(placeholder, 1, 2) .. flags .. string.sub(placeholder, 4, 15)
  local ends = struct.pack('>I6', now + quarantine)
  redis.call('SET', KEYS[1], header .. ends .. string.rep('\\0', 27), 'PX', quarantine)
end
`;

/** Bytes 33-46 of a header without a lease. */
export const NO_LEASE = `string.rep('\\0', 14)`;

/** Whether a script did what it was asked for, and the server's time. */
export interface DoneReply {
  readonly done: boolean;
  readonly nowMs: number;
}

export function doneReply(name: string, reply: Reply): DoneReply {
  const [status = 0, nowMs = 0] = integers(name, reply, 2);
  return { done: status === 1, nowMs };
}

export function integers(name: string, reply: Reply, count: number): readonly number[] {
  if (Array.isArray(reply) && reply.length === count && reply.every((each) => Number.isSafeInteger(each))) {
    return reply as readonly number[];
  }
  throw new BadReplyError(name, `${count} integers`, reply);
}
