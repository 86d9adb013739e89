/** What the scripts of `defineRun` begin with: the time, their operations, leases, fences, and how to tell somebody. */
export const runBegin = `
local try, type, tonumber, floor, format, match = redis.pcall, type, tonumber, math.floor, string.format, string.match

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = floor(micros / 1000)
local microsText
local operations = {}
local inbox, counted = ARGV[1], ARGV[2] == '1'

local function errorOf(reply)
  if type(reply) == 'table' then return reply.err end
  return nil
end

-- Whether a write has failed for want of memory, and may be tried again: who has written once may write on, and removing
-- what is not there is allowed. For what needs no more memory than before: who holds something keeps it and gives it back.
local function mayInsist(key, failure)
  if not failure or not match(failure, '^OOM') then return false end
  try('HDEL', key, '')
  return true
end

local function rewrite(key, ...)
  local failure = errorOf(try('HSET', key, ...))
  if mayInsist(key, failure) then failure = errorOf(try('HSET', key, ...)) end
  return failure
end

-- A lease that ends then.
local function lease(leaseEnd)
  return { ends = leaseEnd, text = format('%.0f', leaseEnd), hour = floor(leaseEnd / 3600000) }
end

-- The lease that is asked for, the same for all locks of a group: made when it is needed.
local function newLease(ask)
  if not ask.new then ask.new = lease(now + ask.ttl) end
  return ask.new
end

-- Whether somebody may have heard. Where it is not known how many hear a message, somebody always may have.
local function tell(channel, message)
  if channel == '' then return not counted end
  local heard = try('PUBLISH', channel, message)
  return not counted or type(heard) ~= 'number' or heard > 0
end

-- The key must outlive its lease: set when that moves into another hour.
local function outlive(key, lastEnd, new)
  local last = tonumber(lastEnd)
  if last and floor(last / 3600000) == new.hour then return nil end
  return errorOf(try('PEXPIREAT', key, format('%.0f', (new.hour + 2) * 3600000)))
end

-- The fence of the next grant, after the last one. Another moment may be proposed in the place of the time.
local function fenceAfter(last, proposed)
  microsText = microsText or format('%.0f', micros)
  local fence = proposed or microsText
  if last and (#last > #fence or (#last == #fence and last >= fence)) then return format('%.0f', last + 1) end
  return fence
end`;

/**
 * What they end with: each call of each group is decided by its operation, which is given the key, the token and what the
 * group asks for (`prepare` may add to that), and returns the two items of the answer.
 */
export const runEnd = `
local answers, answered = {now}, 1
local first, at = 1, 3
while first <= #KEYS do
  local last = first + ARGV[at] - 1
  local decide, ttl = operations[ARGV[at + 1]], ARGV[at + 2]
  local ask = { ttl = ttl, waitMs = tonumber(ARGV[at + 3]), shape = ARGV[at + 4], text = ARGV[at + 5] }
  prepare(ask)
  local tokens = at + 6 - first
  for i = first, last do
    answers[answered + 1], answers[answered + 2] = decide(KEYS[i], ARGV[tokens + i], ask)
    answered = answered + 2
  end
  at = tokens + last + 1
  first = last + 1
end
return answers`;
