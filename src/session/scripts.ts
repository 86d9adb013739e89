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
local f = redis.call('HMGET', KEYS[1], 'm', 's')
if not f[1] then return {0, now} end
local deadline, idle = string.match(f[1], '^1 %d+ (%d+) (%d+) ')
local revision, expires, seen = string.match(f[2] or '', '^(%d+) (%d+) (%d+)$')
if not deadline or not revision then return redis.error_reply('LAYOUT unknown session layout') end
deadline, idle, expires, seen = tonumber(deadline), tonumber(idle), tonumber(expires), tonumber(seen)
if expires <= now or deadline <= now then
  redis.call('UNLINK', KEYS[1])
  return {0, now}
end
`;

/** Writes the state: revision (as text), expiry and use. */
const WRITE_STATE = `
redis.call('HSET', KEYS[1], 's', revision .. string.format(' %.0f %.0f', expires, now))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires))
`;

/** An expiry given earlier is never cut by sliding. Leaves a fixed expiry as it is, for its idle time is 0. */
const SLIDE = `
expires = math.max(expires, math.min(now + idle, deadline))
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
redis.call('HSET', KEYS[1], 'm', '1 ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5], 'd', ARGV[7])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'a', ARGV[6]) end
local revision = '1'
${WRITE_STATE}
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
if now - seen >= tonumber(ARGV[1]) then
${SLIDE}${WRITE_STATE}
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
${WRITE_STATE}
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
if revision ~= ARGV[1] then return {-1, now, tonumber(revision)} end
revision = string.format('%.0f', tonumber(revision) + 1)
${SLIDE}${WRITE_STATE}
redis.call('HSET', KEYS[1], 'd', ARGV[2])
return {1, now, tonumber(revision), expires}`,
});

/** What `read` answers: the server's time, then what `HMGET key m s d` answers for each key. */
export interface ReadReply {
  readonly nowMs: number;
  readonly records: readonly Reply[];
}

export const read: ScriptDef<readonly [], ReadReply> = defineScript({
  name: 'session.read',
  keys: ['session...'],
  args: [],
  readOnly: true,
  idempotent: true,
  decode: (reply) => {
    if (Array.isArray(reply) && Number.isSafeInteger(reply[0])) {
      return { nowMs: reply[0] as number, records: reply.slice(1) as Reply[] };
    }
    throw new BadReplyError('session.read', 'the time and an array for each session', reply);
  },
  lua: `
-- KEYS sessions
-- returns {now, {m, s, d}, ...}
${NOW}
local answer = {now}
for i = 1, #KEYS do answer[i + 1] = redis.call('HMGET', KEYS[i], 'm', 's', 'd') end
return answer`,
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
