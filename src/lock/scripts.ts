import { defineScript, type ScriptDef } from '../client/script.js';
import type { Reply } from '../client/driver.js';
import { BadReplyError } from '../core/errors.js';

/*
 * A lock is one hash: o owner's token ('' or absent when free), f fence in decimal, x lease end in ms of the server's
 * clock, m the owner's metadata as JSON or absent, n the owner's inbox (reserved for hand-over by push). n and m mean
 * nothing while o is empty. Whether a lease lives is told by x and TIME. The key itself lives longer, so that the fence
 * outlives its holder: until the end of the full hour after the one in which the lease ends, in hours of the server's
 * clock. So it has to be set only when x moves into another hour.
 */

/** What the server says about a token: it holds the lock, nobody does, or somebody else does. */
export type Standing = 'held' | 'expired' | 'stolen';

export type AcquireArgs = readonly [token: string, ttlMs: number, metadata: string];
export type ExtendArgs = readonly [token: string, ttlMs: number];
export type TokenArgs = readonly [token: string];

export interface Grant {
  /** Absent when somebody else holds the lock. */
  readonly fence: bigint | undefined;
  /** How much was left of the lease, ours or the other's, when the server answered. */
  readonly leaseMs: number;
}

export interface Extension {
  readonly standing: Standing;
  readonly leaseMs: number;
}

export const acquireScript: ScriptDef<AcquireArgs, Grant> = defineScript({
  name: 'lock.acquire',
  keys: ['lock'],
  args: ['token', 'ttlMs', 'metadata'],
  readOnly: false,
  // a token that already holds the lock gets the same grant again, so a lost reply can be asked for once more
  idempotent: true,
  decode: toGrant,
  lua: `
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local lock = redis.call('HMGET', KEYS[1], 'o', 'f', 'x', 'n', 'm')
local leaseEnd = tonumber(lock[3] or '0') or 0
if lock[1] and lock[1] ~= '' and leaseEnd > now then
  if lock[1] == ARGV[1] then return {lock[2], leaseEnd, now} end
  return {'', leaseEnd, now}
end
local fence = string.format('%.0f', math.max((tonumber(lock[2] or '0') or 0) + 1, micros))
local lastEnd = leaseEnd
leaseEnd = now + ARGV[2]
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'f', fence, 'x', string.format('%.0f', leaseEnd))
if lock[4] or lock[5] then redis.call('HDEL', KEYS[1], 'n', 'm') end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'm', ARGV[3]) end
if math.floor(leaseEnd / 3600000) ~= math.floor(lastEnd / 3600000) then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', (math.floor(leaseEnd / 3600000) + 2) * 3600000))
end
return {fence, leaseEnd, now}`,
});

export const releaseScript: ScriptDef<TokenArgs, Standing> = defineScript({
  name: 'lock.release',
  keys: ['lock'],
  args: ['token'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => toStanding('lock.release', reply),
  // an owner whose lease has ended, but whom nobody has followed, was alone until now: no need to look at the clock
  lua: `
local owner = redis.call('HGET', KEYS[1], 'o')
if owner == ARGV[1] then
  redis.call('HSET', KEYS[1], 'o', '')
  return 1
end
if owner and owner ~= '' then return -1 end
return 0`,
});

export const extendScript: ScriptDef<ExtendArgs, Extension> = defineScript({
  name: 'lock.extend',
  keys: ['lock'],
  args: ['token', 'ttlMs'],
  readOnly: false,
  idempotent: true,
  decode: toExtension,
  // never shortens: two extensions that overtake each other cannot leave a lease that ends before either's promise
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lock = redis.call('HMGET', KEYS[1], 'o', 'x')
local lastEnd = tonumber(lock[2] or '0') or 0
if lock[1] ~= ARGV[1] then
  if lock[1] and lock[1] ~= '' then return {-1, lastEnd, now} end
  return {0, lastEnd, now}
end
if lastEnd <= now then return {0, lastEnd, now} end
local leaseEnd = math.max(lastEnd, now + ARGV[2])
redis.call('HSET', KEYS[1], 'x', string.format('%.0f', leaseEnd))
if math.floor(leaseEnd / 3600000) ~= math.floor(lastEnd / 3600000) then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', (math.floor(leaseEnd / 3600000) + 2) * 3600000))
end
return {1, leaseEnd, now}`,
});

export const verifyScript: ScriptDef<TokenArgs, Standing> = defineScript({
  name: 'lock.verify',
  keys: ['lock'],
  args: ['token'],
  readOnly: true,
  idempotent: true,
  decode: (reply) => toStanding('lock.verify', reply),
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lock = redis.call('HMGET', KEYS[1], 'o', 'x')
if lock[1] == ARGV[1] then
  if (tonumber(lock[2] or '0') or 0) > now then return 1 end
  return 0
end
if lock[1] and lock[1] ~= '' then return -1 end
return 0`,
});

function toGrant(reply: Reply): Grant {
  if (Array.isArray(reply)) {
    const [fence, leaseEnd, now] = reply as readonly Reply[];
    if (typeof leaseEnd === 'number' && typeof now === 'number' && typeof fence === 'string') {
      return { fence: fence === '' ? undefined : BigInt(fence), leaseMs: leaseEnd - now };
    }
  }
  throw new BadReplyError('lock.acquire', 'a grant or a refusal with its times', reply);
}

const STANDINGS = new Map<unknown, Standing>([
  [1, 'held'],
  [0, 'expired'],
  [-1, 'stolen'],
]);

function toStanding(script: string, reply: Reply): Standing {
  const standing = STANDINGS.get(reply);
  if (standing === undefined) throw new BadReplyError(script, '1, 0 or -1', reply);
  return standing;
}

function toExtension(reply: Reply): Extension {
  if (Array.isArray(reply)) {
    const [code, leaseEnd, now] = reply as readonly Reply[];
    const standing = STANDINGS.get(code);
    if (standing !== undefined && typeof leaseEnd === 'number' && typeof now === 'number') {
      return { standing, leaseMs: leaseEnd - now };
    }
  }
  throw new BadReplyError('lock.extend', 'a standing with its times', reply);
}
