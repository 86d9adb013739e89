/**
 * The scripts of a session's life. One hash holds one session (`docs/wire.md`); whoever writes to it checks in the
 * same script that it still exists and is not expired, so nothing brings back a session that was destroyed.
 *
 * Each answers `{status, now, …}`: the server's time in milliseconds comes along, for `ServerTime`.
 */
import { BadReplyError } from '../core/errors.js';
import type { Reply } from '../client/driver.js';
import { defineScript, type ScriptDef } from '../client/script.js';

/** How far in the past a proposed creation time may lie, in ms: longer than a slow round trip, short for a lifetime. */
const CREATED_TOLERANCE_MS = 5_000;

const NOW = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
`;

/** Reads the session, and returns {0, now} when there is none that lives. */
const LIVE = `${NOW}
local f = redis.call('HMGET', KEYS[1], 'y', 'v', 'x', 'e', 'i', 'l')
if not f[1] then return {0, now} end
if f[1] ~= '1' then return redis.error_reply('LAYOUT unknown session layout') end
local deadline, expires, idle = tonumber(f[3]), tonumber(f[4]), tonumber(f[5])
if expires <= now or deadline <= now then
  redis.call('UNLINK', KEYS[1])
  return {0, now}
end
`;

/** Writes the new expiry and the use; an expiry given earlier is never cut by sliding. */
const SLIDE = `
expires = math.max(expires, math.min(now + idle, deadline))
redis.call('HSET', KEYS[1], 'e', string.format('%.0f', expires), 'l', string.format('%.0f', now))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires))
`;

export type CreateReply = 'created' | 'taken' | 'not-now';

/**
 * The creation time and the absolute deadline are sealed into the data, so they must be known before the data is
 * encrypted. They are therefore proposed from an earlier answer of the server's own clock and refused unless that
 * is at most a few seconds old and not ahead.
 */
export const create: ScriptDef<
  readonly [
    createdMs: number,
    deadlineMs: number,
    ttlMs: number,
    idleMs: number,
    userTag: string,
    about: Uint8Array,
    data: Uint8Array,
  ],
  { status: CreateReply; nowMs: number }
> = defineScript({
  name: 'session.create',
  keys: ['session'],
  args: ['created', 'deadline', 'ttlMs', 'idleMs', 'userTag', 'about', 'data'],
  readOnly: false,
  idempotent: false,
  decode: (reply) => {
    const [status = 0, nowMs = 0] = integers('session.create', reply, 2);
    return { status: status === 1 ? 'created' : status === 0 ? 'taken' : 'not-now', nowMs };
  },
  lua: `
-- KEYS[1] the session
-- ARGV[1] created (ms)  ARGV[2] absolute deadline (ms)  ARGV[3] time to live  ARGV[4] idle time, 0 = fixed expiry
-- ARGV[5] user tag, '' = none  ARGV[6] sealed facts about the session, '' = none  ARGV[7] sealed data
-- returns {1, now} created, {0, now} the key exists, {-1, now} the proposed creation time is not now
${NOW}
local created = tonumber(ARGV[1])
if created > now or created < now - ${CREATED_TOLERANCE_MS} then return {-1, now} end
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, now} end
local expires = math.min(now + tonumber(ARGV[3]), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'y', '1', 'v', '1', 'c', ARGV[1], 'x', ARGV[2], 'i', ARGV[4],
  'e', string.format('%.0f', expires), 'l', string.format('%.0f', now), 't', ARGV[5], 'a', ARGV[6], 'd', ARGV[7])
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires))
return {1, now}`,
});

/** What a write to a live session answers; undefined when the session is gone. */
export interface Written {
  readonly nowMs: number;
  readonly live: { readonly expiresMs: number; readonly seenMs: number } | undefined;
}

export const touch: ScriptDef<readonly [touchEveryMs: number], Written> = defineScript({
  name: 'session.touch',
  keys: ['session'],
  args: ['touchEveryMs'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => written('session.touch', reply),
  lua: `
-- KEYS[1] the session  ARGV[1] uses closer together than this (ms) are not written
-- returns {1, now, expires, last seen}, {0, now} gone
${LIVE}
local seen = tonumber(f[6])
if now - seen >= tonumber(ARGV[1]) then
${SLIDE}
  seen = now
end
return {1, now, expires, seen}`,
});

export const extend: ScriptDef<readonly [ttlMs: number], Written> = defineScript({
  name: 'session.extend',
  keys: ['session'],
  args: ['ttlMs'],
  readOnly: false,
  idempotent: true,
  decode: (reply) => written('session.extend', reply),
  lua: `
-- KEYS[1] the session  ARGV[1] time to live from now (ms), cut at the absolute deadline
-- returns {1, now, expires, last seen}, {0, now} gone
${LIVE}
expires = math.min(now + tonumber(ARGV[1]), deadline)
redis.call('HSET', KEYS[1], 'e', string.format('%.0f', expires), 'l', string.format('%.0f', now))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires))
return {1, now, expires, now}`,
});

export type SaveReply = Written & { readonly revision: number; readonly saved: boolean };

export const save: ScriptDef<readonly [revision: number, data: Uint8Array], SaveReply> = defineScript({
  name: 'session.save',
  keys: ['session'],
  args: ['revision', 'data'],
  readOnly: false,
  idempotent: false,
  decode: (reply) => {
    const [status = 0, nowMs = 0, revision = 0, expiresMs = 0] = integers('session.save', reply, 2);
    const live = status === 0 ? undefined : { expiresMs, seenMs: nowMs };
    return { nowMs, live, revision, saved: status === 1 };
  },
  lua: `
-- KEYS[1] the session  ARGV[1] the revision the data was made from  ARGV[2] sealed data
-- returns {1, now, new revision, expires}, {-1, now, revision} another revision, {0, now} gone
${LIVE}
if f[2] ~= ARGV[1] then return {-1, now, tonumber(f[2])} end
${SLIDE}
redis.call('HSET', KEYS[1], 'd', ARGV[2])
return {1, now, redis.call('HINCRBY', KEYS[1], 'v', 1), expires}`,
});

function written(script: string, reply: Reply): Written {
  const [status = 0, nowMs = 0, expiresMs = 0, seenMs = 0] = integers(script, reply, 2);
  return { nowMs, live: status === 1 ? { expiresMs, seenMs } : undefined };
}

function integers(script: string, reply: Reply, atLeast: number): readonly number[] {
  if (Array.isArray(reply) && reply.length >= atLeast && reply.every((part) => Number.isSafeInteger(part))) {
    return reply as readonly number[];
  }
  throw new BadReplyError(script, 'an array of integers', reply);
}
