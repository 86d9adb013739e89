import type { CommandArg } from '../client/calls/command.js';
import { defineScript, type ScriptDef } from '../client/script.js';
import type { Reply } from '../client/driver.js';
import { BadReplyError, ServerError } from '../core/errors.js';

/*
 * A lock is one hash: o owner's token ('' or absent when free), f fence in decimal, x lease end in ms of the server's
 * clock, m the owner's metadata as JSON or absent, n the owner's inbox (reserved for hand-over by push). n and m mean
 * nothing while o is empty. Whether a lease lives is told by x and TIME. The key itself lives longer, so that the fence
 * outlives its holder: until the end of the full hour after the one in which the lease ends, in hours of the server's
 * clock. So it has to be set only when x moves into another hour.
 */

/** What a call asks of a lock. */
export type Operation = 'acquire' | 'extend' | 'release' | 'verify';

/** What the server says about a token: it holds the lock, nobody does, or somebody else does. */
export type Standing = 'held' | 'expired' | 'stolen';

/** What the server says to one call. */
export interface Answer {
  readonly standing: Standing;
  /** Of the token that holds the lock, told to `acquire` alone. */
  readonly fence: bigint | undefined;
  /** How much was left of the lease, ours or the other's, when the server answered. `release` is not told. */
  readonly leaseMs: number;
}

/** The server's time in ms, then two items for each call, which `readAnswer` understands. */
export type RunReply = readonly [nowMs: number, ...items: Reply[]];

/**
 * Many calls at one moment, in their order; a lock may come more than once. Each call is answered by itself: what
 * Redis says against one of its commands is its own answer and nobody else's, so this script fails as a whole only
 * before it has done anything.
 *
 * acquire: a token that already holds the lock gets the same grant again, so a lost reply can be asked for once more.
 * extend: never shortens, so two that overtake each other cannot leave a lease that ends before either's promise.
 * release: an owner whose lease has ended, but whom nobody has followed, was alone until now.
 */
export const run: ScriptDef<readonly CommandArg[], RunReply> = defineScript<readonly CommandArg[], RunReply>({
  name: 'lock.run',
  keys: ['lock...'],
  // one such group for each run of calls that differ only in lock and token
  args: ['calls', 'operation', 'ttlMs', 'metadata', 'token...'],
  readOnly: false,
  idempotent: true,
  decode,
  lua: `
local try, type, tonumber, floor, format = redis.pcall, type, tonumber, math.floor, string.format

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = floor(micros / 1000)
local microsText = format('%.0f', micros)

local function errorOf(reply)
  if type(reply) == 'table' then return reply.err end
  return nil
end

-- The key must outlive its lease.
local function outlive(key, lastEnd, leaseEnd)
  local hour = floor(leaseEnd / 3600000)
  if hour == floor(lastEnd / 3600000) then return nil end
  return errorOf(try('PEXPIREAT', key, format('%.0f', (hour + 2) * 3600000)))
end

local answers, answered = {now}, 1
local first, at = 1, 1
while first <= #KEYS do
  local last = first + ARGV[at] - 1
  local op, metadata = ARGV[at + 1], ARGV[at + 3]
  local newEnd = now + ARGV[at + 2]
  local newEndText = format('%.0f', newEnd)
  local tokens = at + 4 - first
  for i = first, last do
    local key, token = KEYS[i], ARGV[tokens + i]
    local answer, leaseEnd, failure = 0, now, nil

    if op == 'acquire' then
      local lock = try('HMGET', key, 'o', 'f', 'x', 'n', 'm')
      failure = lock.err
      if not failure then
        local owner, lastEnd = lock[1], tonumber(lock[3] or '0') or 0
        if owner and owner ~= '' and lastEnd > now then
          answer, leaseEnd = '', lastEnd
          if owner == token then answer = lock[2] end
        else
          local fence = (tonumber(lock[2] or '0') or 0) + 1
          answer, leaseEnd = microsText, newEnd
          if fence > micros then answer = format('%.0f', fence) end
          if lock[4] or lock[5] then failure = errorOf(try('HDEL', key, 'n', 'm')) end
          if failure then
            -- nothing is granted
          elseif metadata == '' then
            failure = errorOf(try('HSET', key, 'o', token, 'f', answer, 'x', newEndText))
          else
            failure = errorOf(try('HSET', key, 'o', token, 'f', answer, 'x', newEndText, 'm', metadata))
          end
          failure = failure or outlive(key, lastEnd, newEnd)
        end
      end

    elseif op == 'release' then
      local owner = try('HGET', key, 'o')
      failure = errorOf(owner)
      if owner == token then
        answer = 1
        failure = errorOf(try('HSET', key, 'o', ''))
      elseif owner and owner ~= '' then
        answer = -1
      end

    else
      local lock = try('HMGET', key, 'o', 'x')
      failure = lock.err
      if not failure then
        local owner = lock[1]
        leaseEnd = tonumber(lock[2] or '0') or 0
        if owner ~= token then
          if owner and owner ~= '' then answer = -1 end
        elseif leaseEnd > now then
          answer = 1
          if op == 'extend' then
            local lastEnd, endText = leaseEnd, newEndText
            if newEnd > lastEnd then leaseEnd = newEnd else endText = format('%.0f', lastEnd) end
            failure = errorOf(try('HSET', key, 'x', endText)) or outlive(key, lastEnd, leaseEnd)
          end
        end
      end
    end

    answers[answered + 1] = failure or answer
    answers[answered + 2] = leaseEnd
    answered = answered + 2
  end
  at = tokens + last + 1
  first = last + 1
end
return answers`,
});

function decode(reply: Reply): RunReply {
  if (!Array.isArray(reply) || typeof reply[0] !== 'number') {
    throw new BadReplyError(run.name, 'an array that begins with the time', reply);
  }
  return reply as unknown as RunReply;
}

/**
 * The answer to the call at `index` of a reply.
 * @throws ServerError what Redis said against this one call; BadReplyError
 */
export function readAnswer(operation: Operation, reply: RunReply, index: number): Answer {
  const said = reply[2 * index + 1];
  const leaseEnd = reply[2 * index + 2];
  if (typeof leaseEnd === 'number') {
    const leaseMs = leaseEnd - reply[0];
    if (typeof said === 'string') {
      if (LETTER.test(said)) throw new ServerError(said, `lock.${operation}`);
      if (operation === 'acquire') {
        if (said === '') return { standing: 'stolen', fence: undefined, leaseMs };
        if (DECIMAL.test(said)) return { standing: 'held', fence: BigInt(said), leaseMs };
      }
    } else if (operation !== 'acquire') {
      const standing = STANDINGS.get(said);
      if (standing !== undefined) return { standing, fence: undefined, leaseMs };
    }
  }
  throw new BadReplyError(`lock.${operation}`, 'a fence or a standing, and a lease end', said);
}

const LETTER = /^[A-Za-z]/;
const DECIMAL = /^\d+$/;
const STANDINGS = new Map<unknown, Standing>([
  [1, 'held'],
  [0, 'expired'],
  [-1, 'stolen'],
]);
