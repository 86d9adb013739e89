/** The scripts that write an entry as a whole, or its times. */
import { defineScript, type ScriptDef } from '../../client/script.js';
import { type DoneReply, doneReply, HEAD, NO_LEASE, STAMP, TIME, TOMBSTONE, WAKE } from './script-parts.js';

/** Stores an entry with its times, over whatever there is. */
export const WRITE: ScriptDef<readonly [entry: Uint8Array, ttlMs: number, graceMs: number], DoneReply> = defineScript({
  name: 'cache.write',
  keys: ['entry'],
  args: ['entry', 'ttlMs', 'graceMs'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => doneReply('cache.write', reply),
  lua: `
-- KEYS[1] the entry  ARGV[1] entry without times  ARGV[2] fresh for (ms)  ARGV[3] then stale for (ms)
-- returns {1, now}
${TIME}
local fresh = now + tonumber(ARGV[2])
local stale = fresh + tonumber(ARGV[3])
local times = struct.pack('>I6I6I6', now, fresh, stale)
redis.call('SET', KEYS[1], string.sub(ARGV[1], 1, 15) .. times .. string.sub(ARGV[1], 34), 'PX', stale - now)
return {1, now}`,
});

/** Stores an entry where there is nothing, or a lease and no value, or what the caller knows to be invalid. */
export const ADD: ScriptDef<readonly [entry: Uint8Array, ttlMs: number, invalid: Uint8Array], DoneReply> = defineScript(
  {
    name: 'cache.add',
    keys: ['entry'],
    args: ['entry', 'ttlMs', 'invalid'],
    readOnly: false,
    idempotent: false,
    decode: (reply) => doneReply('cache.add', reply),
    lua: `
-- KEYS[1] the entry  ARGV[1] entry without times  ARGV[2] time to live (ms)
-- ARGV[3] an invalid entry that may be replaced, up to its body; '' = none
-- returns {1, now} stored, {0, now} the key is taken
${HEAD}
local free = redis.call('EXISTS', KEYS[1]) == 0
if entry then
  local stale = struct.unpack('>I6', head, 28)
  free = flag(1) or (stale > 0 and stale <= now)
    or (ARGV[3] ~= '' and redis.call('GETRANGE', KEYS[1], 0, #ARGV[3] - 1) == ARGV[3])
end
if not free then return {0, now} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, now}`,
  },
);

/** Stamps an entry that was written with epochs which are over, unless it was written over or is being loaded. */
export const RESTAMP: ScriptDef<readonly [written: Uint8Array, epoch: Uint8Array, tagSection: Uint8Array], DoneReply> =
  defineScript({
    name: 'cache.restamp',
    keys: ['entry'],
    args: ['written', 'epoch', 'tagSection'],
    readOnly: false,
    idempotent: true,
    decode: (reply) => doneReply('cache.restamp', reply),
    lua: `
-- KEYS[1] the entry  ARGV[1] as it was written  ARGV[2] epoch of the namespace  ARGV[3] tag section, '' = none
-- returns {1, now} done, {0, now} it is not there any more
${HEAD}${STAMP}
local there = entry and redis.call('GET', KEYS[1])
-- the times are the server's
local same = there and string.sub(there, 1, 15) == string.sub(ARGV[1], 1, 15)
  and string.sub(there, 34) == string.sub(ARGV[1], 34)
if not same then return {0, now} end
stamp(ARGV[2], ARGV[3])
return {1, now}`,
  });

/** Prolongs the lifetime of a fresh entry that a read prolongs. */
export const SLIDE: ScriptDef<readonly [], DoneReply> = defineScript({
  name: 'cache.slide',
  keys: ['entry'],
  args: [],
  readOnly: false,
  idempotent: true,
  decode: (reply) => doneReply('cache.slide', reply),
  lua: `
-- KEYS[1] the entry
-- returns {1, now} it lives on, {0, now} it is not there, or over
${HEAD}
if not entry or flag(1) or not flag(4) or flag(32) then return {0, now} end
local fresh, stale = struct.unpack('>I6I6', head, 22)
if fresh <= now then return {0, now} end
local ends = now + struct.unpack('>I6', redis.call('GETRANGE', KEYS[1], 48, 53))
if ends > fresh then
  redis.call('SETRANGE', KEYS[1], 21, struct.pack('>I6I6', ends, ends + stale - fresh))
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends + stale - fresh))
end
return {1, now}`,
});

/** Removes what is there, and remembers for a while that it was removed. */
export const BURY: ScriptDef<readonly [placeholder: Uint8Array, quarantineMs: number, channel: string], DoneReply> =
  defineScript({
    name: 'cache.bury',
    keys: ['entry'],
    args: ['placeholder', 'quarantineMs', 'channel'],
    readOnly: false,
    idempotent: true,
    decode: (reply) => doneReply('cache.bury', reply),
    lua: `
-- KEYS[1] the entry  ARGV[1] header of a placeholder  ARGV[2] quarantine (ms)  ARGV[3] channel of those who wait
-- returns {1, now} there was something, {0, now} there was nothing
${HEAD}${WAKE}${TOMBSTONE}
local there = redis.call('EXISTS', KEYS[1]) == 1 and not (entry and flag(1))
bury(ARGV[1], tonumber(ARGV[2]))
if entry then wake(ARGV[3]) end
return {there and 1 or 0, now}`,
  });

/** Gives what is there a new lifetime from now on, and the grace that it had. */
export const TOUCH: ScriptDef<readonly [ttlMs: number], DoneReply> = defineScript({
  name: 'cache.touch',
  keys: ['entry'],
  args: ['ttlMs'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => doneReply('cache.touch', reply),
  lua: `
-- KEYS[1] the entry  ARGV[1] time to live from now on (ms)
-- returns {1, now} done, {0, now} there is nothing
${HEAD}
if not entry then return {redis.call('PEXPIRE', KEYS[1], ARGV[1]), now} end
if flag(1) then return {0, now} end
local fresh, stale = struct.unpack('>I6I6', head, 22)
if stale > 0 and stale <= now then return {0, now} end
local ends = now + tonumber(ARGV[1])
if stale > 0 then
  local grace = 0
  if fresh > 0 then grace = stale - fresh end
  redis.call('SETRANGE', KEYS[1], 21, struct.pack('>I6I6', ends, ends + grace))
  ends = ends + grace
end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ends))
return {1, now}`,
});

/** Ends the freshness of an entry, and the right to store of whoever loads it. Without a grace it is removed. */
export const MARK_STALE: ScriptDef<
  readonly [channel: string, quarantineMs: number, placeholder: Uint8Array],
  DoneReply
> = defineScript({
  name: 'cache.markStale',
  keys: ['entry'],
  args: ['channel', 'quarantineMs', 'placeholder'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => doneReply('cache.markStale', reply),
  lua: `
-- KEYS[1] the entry  ARGV[1] channel of those who wait  ARGV[2] quarantine (ms)  ARGV[3] header of a placeholder
-- returns {1, now} there is a stale value now, {0, now} there is none
${HEAD}${WAKE}${TOMBSTONE}
local quarantine = tonumber(ARGV[2])
if not entry then
  if quarantine > 0 and redis.call('EXISTS', KEYS[1]) == 0 then bury(ARGV[3], quarantine) end
  return {0, now}
end
local fresh, stale = struct.unpack('>I6I6', head, 22)
local graced = not flag(1) and fresh > 0 and stale > fresh and stale > now
if graced then
  redis.call('SETRANGE', KEYS[1], 21, struct.pack('>I6I6', math.min(fresh, now), stale) .. ${NO_LEASE})
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', stale))
  if quarantine > 0 then
    local flags = string.byte(head, 3)
    redis.call('SETRANGE', KEYS[1], 2, string.char(flag(32) and flags or flags + 32))
    redis.call('SETRANGE', KEYS[1], 15, struct.pack('>I6', now + quarantine))
  end
elseif quarantine > 0 then
  bury(ARGV[3], quarantine)
else
  redis.call('UNLINK', KEYS[1])
end
wake(ARGV[1])
return {graced and 1 or 0, now}`,
});
