import { defineScript, type ScriptDef } from '../client/script.js';
import { BadReplyError } from '../core/errors.js';
import type { Reply } from '../client/driver.js';

/** What one script call answers. */
export interface TakeReply {
  /** The server's time of all these decisions, in microseconds since the epoch. */
  readonly nowUs: number;
  /** Per key, in order: the debt after an admission; or minus one minus the debt that denied it; or null, foreign. */
  readonly answers: readonly (number | null)[];
}

/**
 * Decides for many keys at one moment, in their order; a key may come more than once.
 *
 * All quantities are whole units of the token bucket (see token-bucket.ts). The state of a bucket is the time at
 * which it is full again, in microseconds: `1795379065123456`, or with a fraction of a microsecond
 * `1795379065123456:2:3` (2/3), which carries its own unit. So another limit on the same key reads the same time to
 * full, clamped to its own capacity and rounded up to its own unit.
 *
 * Admitted: the new state is written, to expire when the bucket is full. Cost 0: nothing is written. Denied: nothing
 * is written, except when the stored debt is more than a full bucket (the capacity was lowered, or the server's
 * clock was set back): then the clamped debt is stored, since a clamp that is forgotten would begin anew at each
 * call and lock the client out.
 *
 * Products of 2^53 and more are inexact, but then they exceed `full`, which is at most 2^52, and only that counts.
 * Source: GCRA, ITU-T I.371, in its virtual-scheduling form.
 */
export const take: ScriptDef<readonly number[], TakeReply> = defineScript<readonly number[], TakeReply>({
  name: 'limit.take',
  keys: ['bucket...'],
  // one group of four for each run of keys with the same limit and cost
  args: ['keys', 'fullUnits', 'unitsPerUs', 'costUnits...'],
  readOnly: false,
  idempotent: false,
  decode,
  lua: `
-- Locals, as looking up a global costs a tenth of a decision.
local call, try = redis.call, redis.pcall
local floor, ceil, find, format = math.floor, math.ceil, string.find, string.format

local time = call('TIME')
local now = time[1] * 1000000 + time[2]

-- Whole microseconds, fraction and unit of a stored time; nil for what is not ours. A number below half the present
-- cannot be a time that is still to come: it is somebody's counter.
local function parse(value)
  local whole, part, unit = tonumber(value), 0, 1
  if not whole or find(value, '%D') then
    whole, part, unit = string.match(value, '^(%d+):(%d+):(%d+)$')
    whole, part, unit = tonumber(whole), tonumber(part), tonumber(unit)
    if not whole or part >= unit then return nil end
  end
  if whole * 2 < now or whole > 9007199254740992 then return nil end
  return whole, part, unit
end

local function debtOf(value, rate)
  local whole, part, unit = parse(value)
  if not whole then return nil end
  if whole < now then return 0 end
  local debt = (whole - now) * rate
  if part == 0 then return debt end
  if unit == rate then return debt + part end
  local product = part * rate
  local rest = ceil(product / unit)
  if product >= 9007199254740992 then rest = rest + 1 end
  return debt + rest
end

local function store(key, debt, rate)
  local whole = floor(debt / rate)
  local part = debt - whole * rate
  local ttl = ceil(ceil(debt / rate) / 1000) + 1
  local state = format('%.0f', now + whole)
  if part > 0 then state = format('%s:%.0f:%.0f', state, part, rate) end
  call('SET', key, state, 'PX', ttl)
end

local answers = {now}
local first = 1
for run = 1, #ARGV, 4 do
  local last = first + ARGV[run] - 1
  local full, rate, cost = tonumber(ARGV[run + 1]), tonumber(ARGV[run + 2]), tonumber(ARGV[run + 3])
  for i = first, last do
    local key = KEYS[i]
    local value = try('GET', key)
    local debt = 0
    if type(value) == 'table' then
      if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then return value end
      debt = nil
    elseif value then
      debt = debtOf(value, rate)
    end
    if not debt then
      answers[i + 1] = false
    else
      local above = debt > full
      if above then debt = full end
      local after = debt + cost
      if cost == 0 then
        answers[i + 1] = debt
      elseif after <= full then
        store(key, after, rate)
        answers[i + 1] = after
      else
        if above then store(key, full, rate) end
        answers[i + 1] = -1 - debt
      end
    end
  end
  first = last + 1
end
return answers
`,
});

function decode(reply: Reply): TakeReply {
  if (!Array.isArray(reply) || typeof reply[0] !== 'number' || !reply.every(isAnswer)) {
    throw new BadReplyError('limit.take', 'an array of integers', reply);
  }
  return { nowUs: reply[0], answers: reply.slice(1) };
}

function isAnswer(value: unknown): value is number | null {
  return value === null || Number.isSafeInteger(value);
}
