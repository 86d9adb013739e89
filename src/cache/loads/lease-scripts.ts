/**
 * The scripts of a load: who may load, and who may store what it brought. The lease is in the entry itself (bytes 33-46
 * of its header), so whatever replaces or removes the key, be it a raw `DEL`, ends the lease with it.
 *
 * Sources: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, §3.2.1 (leases); rueidisaside (the lease stands
 * at the key of the value).
 */
import { defineScript, type ScriptDef } from '../../client/script.js';
import { type DoneReply, doneReply, HEAD, integers, LIFE, NO_LEASE, STAMP, WAKE } from '../entries/script-parts.js';

/** Goes on only while the lease is the caller's. */
const MINE = `${HEAD}
if not entry or string.sub(head, 40, 47) ~= ARGV[1] then return {0, now} end
`;

/**
 * `granted`: load. `held`: another loads. `changed`: there is a fresh value that the caller has not seen.
 * `unleasable`: what is there is no entry.
 */
export type AcquireStatus = 'granted' | 'held' | 'changed' | 'unleasable';
const ACQUIRE_STATUS: readonly AcquireStatus[] = ['held', 'granted', 'changed', 'unleasable'];

export interface AcquireReply {
  readonly status: AcquireStatus;
  readonly nowMs: number;
  /** For how long another may still hold the lease. */
  readonly heldMs: number;
}

/** `ask`: only if nobody holds it. `wait`: the same, and wants to be woken when it ends. `take`: also from its holder. */
export type AcquireMode = 'ask' | 'wait' | 'take';

export const ACQUIRE: ScriptDef<
  readonly [token: Uint8Array, leaseMs: number, mode: AcquireMode, placeholder: Uint8Array, seen: Uint8Array],
  AcquireReply
> = defineScript({
  name: 'cache.acquire',
  keys: ['entry'],
  args: ['token', 'leaseMs', 'mode', 'placeholder', 'seen'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => {
    const [code = 0, nowMs = 0, heldMs = 0] = integers('cache.acquire', reply, 3);
    return { status: ACQUIRE_STATUS[code] ?? 'unleasable', nowMs, heldMs };
  },
  lua: `
-- KEYS[1] the entry
-- ARGV[1] token  ARGV[2] lease (ms)  ARGV[3] ask, wait or take  ARGV[4] header of a placeholder
-- ARGV[5] bytes 15-32 of the entry as the caller saw it, '' = none
-- returns {1, now, 0} granted, {0, now, ms left} another holds it, {2, now, 0} changed, {3, now, 0} no entry
${HEAD}
local lease = tonumber(ARGV[2])
local claim = struct.pack('>I6', now + lease) .. ARGV[1]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], string.sub(ARGV[4], 1, 33) .. claim .. '\\0', 'PX', lease)
  return {1, now, 0}
end
if not entry then return {3, now, 0} end
-- asked a second time by the same caller
if string.sub(head, 40, 47) == ARGV[1] then return {1, now, 0} end
if ARGV[3] ~= 'take' then
  local fresh = struct.unpack('>I6', head, 22)
  local same = string.sub(head, 7, 15) == string.sub(ARGV[4], 7, 15)
  if same and not flag(1) and (fresh == 0 or fresh > now) and string.sub(head, 16, 33) ~= ARGV[5] then
    return {2, now, 0}
  end
  local held = struct.unpack('>I6', head, 34)
  if held > now then
    if ARGV[3] == 'wait' and not flag(16) then
      redis.call('SETRANGE', KEYS[1], 2, string.char(string.byte(head, 3) + 16))
    end
    return {0, now, held - now}
  end
end
local left = redis.call('PTTL', KEYS[1])
local stale = struct.unpack('>I6', head, 28)
if stale == 0 and left >= 0 and not flag(1) then stale = now + left end
redis.call('SETRANGE', KEYS[1], 27, struct.pack('>I6', stale) .. claim)
if left >= 0 and left < lease then redis.call('PEXPIRE', KEYS[1], lease) end
return {1, now, 0}`,
});

/**
 * Replaces the entry. Without a token (`''`): only what is there and cannot carry a lease.
 */
export const COMMIT: ScriptDef<
  readonly [
    token: Uint8Array | '',
    entry: Uint8Array,
    ttlMs: number,
    graceMs: number,
    channel: string,
    quarantinedMs: number,
  ],
  DoneReply
> = defineScript({
  name: 'cache.commit',
  keys: ['entry'],
  args: ['token', 'entry', 'ttlMs', 'graceMs', 'channel', 'quarantinedMs'],
  readOnly: false,
  idempotent: false,
  inOrder: true,
  decode: (reply) => doneReply('cache.commit', reply),
  lua: `
-- KEYS[1] the entry
-- ARGV[1] token, '' = replaces what is no entry  ARGV[2] entry without times  ARGV[3] fresh for (ms)
-- ARGV[4] then stale for (ms)  ARGV[5] channel of those who wait  ARGV[6] until when it is quarantined, 0 = not
-- returns {1, now} stored, {0, now} not the holder any more
${HEAD}${WAKE}${LIFE}
if ARGV[1] == '' then
  if entry or redis.call('EXISTS', KEYS[1]) == 0 then return {0, now} end
elseif not entry or string.sub(head, 40, 47) ~= ARGV[1] then
  return {0, now}
end
local created, fresh, stale, quarantined = life(tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6]))
local flags = string.char(string.byte(ARGV[2], 3) + (quarantined and 32 or 0))
local times = struct.pack('>I6I6I6', created, fresh, stale)
local start = string.sub(ARGV[2], 1, 2) .. flags .. string.sub(ARGV[2], 4, 15)
redis.call('SET', KEYS[1], start .. times .. string.sub(ARGV[2], 34), 'PX', stale - now)
if entry then wake(ARGV[5]) end
return {1, now}`,
});

/** Makes the value that is there fresh again. */
export const REFRESH: ScriptDef<
  readonly [
    token: Uint8Array,
    ttlMs: number,
    graceMs: number,
    channel: string,
    epoch: Uint8Array,
    tagSection: Uint8Array,
    quarantinedMs: number,
  ],
  DoneReply
> = defineScript({
  name: 'cache.refresh',
  keys: ['entry'],
  args: ['token', 'ttlMs', 'graceMs', 'channel', 'epoch', 'tagSection', 'quarantinedMs'],
  readOnly: false,
  idempotent: false,
  inOrder: true,
  decode: (reply) => doneReply('cache.refresh', reply),
  lua: `
-- KEYS[1] the entry  ARGV[1] token  ARGV[2] fresh for (ms)  ARGV[3] then stale for (ms)  ARGV[4] channel of those who wait
-- ARGV[5] epoch of the namespace  ARGV[6] tag section, '' = none  ARGV[7] until when it is quarantined, 0 = not
-- returns {1, now} fresh again, {0, now} not the holder any more
${MINE}${WAKE}${STAMP}${LIFE}
if flag(1) then return {0, now} end
stamp(ARGV[5], ARGV[6])
local created, fresh, stale, quarantined = life(tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[7]))
if not quarantined and not flag(32) then created = struct.unpack('>I6', head, 16) end
local flags = string.byte(head, 3) - (flag(32) and 32 or 0) + (quarantined and 32 or 0)
redis.call('SETRANGE', KEYS[1], 2, string.char(flags))
redis.call('SETRANGE', KEYS[1], 15, struct.pack('>I6I6I6', created, fresh, stale) .. ${NO_LEASE})
redis.call('PEXPIRE', KEYS[1], stale - now)
wake(ARGV[4])
return {1, now}`,
});

/** Gives a lease back without a value. What was there stays for as long as it was to live. */
export const RELEASE: ScriptDef<readonly [token: Uint8Array, pauseMs: number, channel: string], DoneReply> =
  defineScript({
    name: 'cache.release',
    keys: ['entry'],
    args: ['token', 'pauseMs', 'channel'],
    readOnly: false,
    idempotent: true,
    inOrder: true,
    decode: (reply) => doneReply('cache.release', reply),
    lua: `
-- KEYS[1] the entry  ARGV[1] token  ARGV[2] nobody is to load for so long (ms), where there is a value
-- ARGV[3] channel of those who wait
-- returns {1, now} given back, {0, now} not the holder any more
${MINE}${WAKE}
local quarantined = flag(32) and (struct.unpack('>I6', head, 16)) or 0
if flag(1) and quarantined <= now then
  redis.call('UNLINK', KEYS[1])
elseif flag(1) then
  redis.call('SETRANGE', KEYS[1], 33, string.rep('\\0', 14))
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', quarantined))
else
  local pause = tonumber(ARGV[2])
  redis.call('SETRANGE', KEYS[1], 33, struct.pack('>I6', pause > 0 and now + pause or 0) .. string.rep('\\0', 8))
  local stale = struct.unpack('>I6', head, 28)
  if stale > 0 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', stale)) end
end
wake(ARGV[3])
return {1, now}`,
  });

/** Prolongs a lease that is still held. */
export const RENEW: ScriptDef<readonly [token: Uint8Array, leaseMs: number], DoneReply> = defineScript({
  name: 'cache.renew',
  keys: ['entry'],
  args: ['token', 'leaseMs'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => doneReply('cache.renew', reply),
  lua: `
-- KEYS[1] the entry  ARGV[1] token  ARGV[2] lease from now on (ms)
-- returns {1, now} prolonged, {0, now} not the holder any more
${MINE}
local lease = tonumber(ARGV[2])
redis.call('SETRANGE', KEYS[1], 33, struct.pack('>I6', now + lease))
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left < lease then redis.call('PEXPIRE', KEYS[1], lease) end
return {1, now}`,
});
