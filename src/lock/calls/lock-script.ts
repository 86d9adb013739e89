import { CLAIM_MS, defineRun } from './run-script.js';

/*
 * A lock is one hash: o owner's token ('' or absent when free), f fence in decimal, x lease end in ms of the server's
 * clock, m the owner's metadata as JSON or absent, n the channel on which the owner is told. n and m mean nothing while
 * o is empty. Whether a lock is held is told by o, x and TIME. The key itself lives longer, so that the fence outlives
 * its holder: until the end of the full hour after the one in which the lease ends, in hours of the server's clock. So
 * it has to be set only when x moves into another hour.
 *
 * Whoever waits stands in the same hash, so that the queue cannot be lost without its lock: w<ticket> is a waiter,
 * q<token> the ticket of its token, h the ticket of the first and t the one that is given next. These fields exist only
 * while somebody waits; tickets whose waiter has left have no field.
 */

/** How many waiters are looked through for inboxes when the lease's end is announced: that takes the server's time. */
const MOST_TOLD = 256;

/**
 * Many calls at one moment, in their order; a lock may come more than once. Each call is answered by itself: what
 * Redis says against one of its commands is its own answer and nobody else's, so this script fails as a whole only
 * before it has done anything.
 *
 * acquire: a token that already holds the lock gets the same grant again, so a lost reply can be asked for once more. A
 * token that already waits keeps its place; and since it asks because the lease was to end by now, all who wait are told
 * until when it lasts.
 * extend: never shortens, so two that overtake each other cannot leave a lease that ends before either's promise.
 * release: an owner whose lease has ended, but whom nobody has followed, was alone until now. The first waiter whose
 * inbox somebody listens to becomes the owner in the same moment. A token that waits leaves the queue.
 * raise: gives the owner a higher fence.
 * force: as if the owner released it; the owner is told.
 *
 * Messages: `g <token> <fence> <lease end> <now>` the lock is granted to this token; `l <lease end> <now> <waiters
 * before> <key>` until when it is held; `f <token> <reason>` it was taken from this token.
 */
export const lockRun = defineRun(
  'lock.run',
  `
local try, type, tonumber, floor, format = redis.pcall, type, tonumber, math.floor, string.format

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = floor(micros / 1000)
local microsText = format('%.0f', micros)
local inbox, counted = ARGV[1], ARGV[2] == '1'

local function errorOf(reply)
  if type(reply) == 'table' then return reply.err end
  return nil
end

-- Whether somebody may have heard. Where it is not known how many hear a message, somebody always may have.
local function tell(channel, message)
  if channel == '' then return not counted end
  local heard = try('PUBLISH', channel, message)
  return not counted or type(heard) ~= 'number' or heard > 0
end

-- Makes a token the owner. Returns its fence, or nil and what Redis said against it.
local function own(key, lock, token, channel, metadata, leaseEnd)
  local fence = (tonumber(lock[2] or '0') or 0) + 1
  local text = microsText
  if fence > micros then text = format('%.0f', fence) end
  local endText = format('%.0f', leaseEnd)
  local failure
  if metadata == '' then
    if lock[4] then failure = errorOf(try('HDEL', key, 'm')) end
    failure = failure or errorOf(try('HSET', key, 'o', token, 'f', text, 'x', endText, 'n', channel))
  else
    failure = errorOf(try('HSET', key, 'o', token, 'f', text, 'x', endText, 'n', channel, 'm', metadata))
  end
  -- the key must outlive its lease
  local hour = floor(leaseEnd / 3600000)
  if not failure and hour ~= floor((tonumber(lock[3] or '0') or 0) / 3600000) then
    failure = errorOf(try('PEXPIREAT', key, format('%.0f', (hour + 2) * 3600000)))
  end
  if failure then return nil, failure end
  lock[1], lock[2], lock[3], lock[4] = token, text, endText, metadata ~= ''
  return text
end

-- Gives a lock that nobody holds to the first waiter that can be told, else to nobody.
local function handOver(key, lock)
  local ticket, after = tonumber(lock[5]), tonumber(lock[6])
  while ticket < after do
    local field = 'w' .. ticket
    local waiter = try('HGET', key, field)
    ticket = ticket + 1
    if type(waiter) == 'string' then
      local token, channel, ttl, waitEnd, since, metadata =
        string.match(waiter, '^(%S+) (%S+) (%d+) (%d+) (%d+) (.*)$')
      try('HDEL', key, field, 'q' .. token)
      if tonumber(waitEnd) > now then
        local leaseEnd = now + math.min(tonumber(ttl), ${CLAIM_MS})
        local fence, failure = own(key, lock, token, channel, metadata, leaseEnd)
        if failure then return failure end
        if tell(channel, format('g %s %s %.0f %.0f', token, fence, leaseEnd, now)) then
          if ticket < after then return errorOf(try('HSET', key, 'h', ticket)) end
          return errorOf(try('HDEL', key, 'h', 't'))
        end
      end
    end
  end
  try('HDEL', key, 'h', 't')
  lock[1] = ''
  return errorOf(try('HSET', key, 'o', ''))
end

-- Tells all who wait until when the lock is held.
local function announce(key, lock, leaseEnd)
  local told, before = {}, 0
  local last = math.min(tonumber(lock[6]), lock[5] + ${MOST_TOLD}) - 1
  for ticket = tonumber(lock[5]), last do
    local waiter = try('HGET', key, 'w' .. ticket)
    local channel = type(waiter) == 'string' and string.match(waiter, '^%S+ (%S+)')
    if channel and not told[channel] then
      told[channel] = true
      tell(channel, format('l %.0f %.0f %d %s', leaseEnd, now, before, key))
      before = before + 1
    end
  end
end

-- Puts a token at the end of the queue, unless it waits already. Returns how many wait before it.
local function enqueue(key, lock, token, ttl, waitMs, metadata)
  local place = 'q' .. token
  local ticket = lock[5] and try('HGET', key, place)
  if ticket then return ticket - lock[5], nil, true end
  local first = lock[5] or 0
  ticket = tonumber(lock[6] or 0)
  local waiter = format('%s %s %s %.0f %.0f %s', token, inbox, ttl, now + waitMs, now, metadata)
  local failure = errorOf(try('HSET', key, 'h', first, 't', ticket + 1, 'w' .. ticket, waiter, place, ticket))
  if failure then return nil, failure end
  lock[5], lock[6] = first, ticket + 1
  return ticket - first
end

local function acquire(key, token, ttl, waitMs, metadata, barges)
  local lock = try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't')
  if lock.err then return lock.err, now end
  local owner, leaseEnd = lock[1], tonumber(lock[3] or '0') or 0
  local isHeld = owner and owner ~= '' and leaseEnd > now
  if isHeld and owner == token then return lock[2], leaseEnd end
  -- one whose turn has come and gone unheard is still the first
  local isFree = not isHeld and (not lock[5] or barges or owner == token)
  local rank, failure, waitsAlready = '', nil, nil
  if not isFree and waitMs > 0 then
    rank, failure, waitsAlready = enqueue(key, lock, token, ttl, waitMs, metadata)
  end
  if not isFree and not isHeld and not failure then
    failure = handOver(key, lock)
    leaseEnd = tonumber(lock[3])
    if lock[1] == token then rank = lock[2] end
    -- of those who waited nobody can be told
    isFree = lock[1] == '' and not failure
  end
  if isFree then
    leaseEnd = now + ttl
    rank, failure = own(key, lock, token, inbox, metadata, leaseEnd)
  end
  if waitsAlready and isHeld then announce(key, lock, leaseEnd) end
  return failure or rank, leaseEnd
end

local function release(key, token)
  local lock = try('HMGET', key, 'o', 'h')
  if lock.err then return lock.err end
  local owner = lock[1]
  if owner == token then
    if not lock[2] then return errorOf(try('HSET', key, 'o', '')) or 1 end
    return handOver(key, try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't')) or 1
  end
  if lock[2] then
    local ticket = try('HGET', key, 'q' .. token)
    if ticket then try('HDEL', key, 'q' .. token, 'w' .. ticket) end
  end
  if owner and owner ~= '' then return -1 end
  return 0
end

local function force(key, reason)
  local lock = try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't', 'n')
  if lock.err then return lock.err end
  local owner, channel = lock[1], lock[7] or ''
  if not owner or owner == '' or (tonumber(lock[3] or '0') or 0) <= now then return 0 end
  local failure
  if lock[5] then failure = handOver(key, lock) else failure = errorOf(try('HSET', key, 'o', '')) end
  if failure then return failure end
  tell(channel, 'f ' .. owner .. ' ' .. reason)
  return 1
end

local function look(key, token, ttl)
  local lock = try('HMGET', key, 'o', 'x')
  if lock.err then return lock.err, now end
  local owner, leaseEnd = lock[1], tonumber(lock[2] or '0') or 0
  if owner ~= token then
    if owner and owner ~= '' then return -1, leaseEnd end
    return 0, leaseEnd
  end
  if leaseEnd <= now then return 0, leaseEnd end
  if not ttl or now + ttl <= leaseEnd then return 1, leaseEnd end
  local newEnd = now + ttl
  local failure = errorOf(try('HSET', key, 'x', format('%.0f', newEnd)))
  local hour = floor(newEnd / 3600000)
  if not failure and hour ~= floor(leaseEnd / 3600000) then
    failure = errorOf(try('PEXPIREAT', key, format('%.0f', (hour + 2) * 3600000)))
  end
  return failure or 1, newEnd
end

local function raise(key, token, fence)
  local standing = look(key, token, nil)
  if standing ~= 1 then return standing end
  if tonumber(redis.call('HGET', key, 'f')) >= tonumber(fence) then return 1 end
  return errorOf(try('HSET', key, 'f', fence)) or 1
end

local answers, answered = {now}, 1
local first, at = 1, 3
while first <= #KEYS do
  local last = first + ARGV[at] - 1
  local op, ttl, waitMs, text = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), ARGV[at + 5]
  local tokens = at + 6 - first
  for i = first, last do
    local key, token = KEYS[i], ARGV[tokens + i]
    local answer, leaseEnd
    if op == 'acquire' then answer, leaseEnd = acquire(key, token, ttl, waitMs, text, false)
    elseif op == 'release' then answer = release(key, token)
    elseif op == 'extend' then answer, leaseEnd = look(key, token, ttl)
    elseif op == 'barge' then answer, leaseEnd = acquire(key, token, ttl, waitMs, text, true)
    elseif op == 'force' then answer = force(key, text)
    elseif op == 'raise' then answer = raise(key, token, text)
    else answer, leaseEnd = look(key, token, nil) end
    answers[answered + 1] = answer
    answers[answered + 2] = leaseEnd or now
    answered = answered + 2
  end
  at = tokens + last + 1
  first = last + 1
end
return answers`,
);
