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
/** How many who have left or died are passed over in search of one who looks after a claim. */
const MOST_SKIPPED = 16;

/**
 * Many calls at one moment, in their order; a lock may come more than once. Each call is answered by itself: what
 * Redis says against one of its commands is its own answer and nobody else's, so this script fails as a whole only
 * before it has done anything.
 *
 * acquire: a token that already holds the lock gets the same grant again, so a lost reply can be asked for once more. A
 * fence may be proposed (shape) in the place of the time in microseconds. A
 * token that already waits keeps its place; and since it asks because the lease was to end by now, all who wait are told
 * until when it lasts.
 * extend: never shortens, so two that overtake each other cannot leave a lease that ends before either's promise.
 * release: an owner whose lease has ended, but whom nobody has followed, was alone until now. The first waiter whose
 * inbox somebody listens to becomes the owner in the same moment, for as long as a claim lasts; the next one is told, so
 * that it looks after it. A token that waits leaves the queue.
 * pass: as release, but to the token that is named; who waits goes on waiting.
 * raise: gives the owner a higher fence.
 * force: as if the owner released it; the owner is told.
 *
 * Messages: `g <token> <fence> <lease end> <now>` the lock is granted to this token; `l <lease end> <now> <waiters
 * before> <key>` until when it is held; `f <token> <reason>` it was taken from this token.
 */
export const lockRun = defineRun(
  'lock.run',
  `
local try, type, tonumber, floor, format, match = redis.pcall, type, tonumber, math.floor, string.format, string.match

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = floor(micros / 1000)
local microsText
local inbox, counted = ARGV[1], ARGV[2] == '1'

local function errorOf(reply)
  if type(reply) == 'table' then return reply.err end
  return nil
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

-- Makes a token the owner. Returns its fence, or nil and what Redis said against it.
-- options: proposed, a fence in the place of the time; first, the ticket of the first who then waits
local function own(key, lock, token, channel, metadata, new, options)
  microsText = microsText or format('%.0f', micros)
  local fence, failure, last = microsText, nil, lock[2]
  if options and options.proposed then fence = options.proposed end
  if last and (#last > #fence or (#last == #fence and last >= fence)) then fence = format('%.0f', last + 1) end
  if metadata == '' and lock[4] then failure = errorOf(try('HDEL', key, 'm')) end
  if not failure and metadata == '' and not options then
    -- most often
    failure = errorOf(try('HSET', key, 'o', token, 'f', fence, 'x', new.text, 'n', channel))
  elseif not failure then
    local words = {key, 'o', token, 'f', fence, 'x', new.text, 'n', channel}
    if metadata ~= '' then words[10], words[11] = 'm', metadata end
    if options and options.first then words[#words + 1], words[#words + 2] = 'h', options.first end
    failure = errorOf(try('HSET', unpack(words)))
  end
  failure = failure or outlive(key, lock[3], new)
  if failure then return nil, failure end
  lock[1], lock[2], lock[3], lock[4] = token, fence, new.text, metadata ~= ''
  return fence
end

-- Lets the first of those who go on waiting, in another process than the owner, look when its claim is over.
local function alert(key, ticket, after, owner, claim)
  for other = ticket, math.min(after, ticket + ${MOST_SKIPPED}) - 1 do
    local waiter = try('HGET', key, 'w' .. other)
    local channel = type(waiter) == 'string' and match(waiter, '^%S+ (%S+)')
    if channel and channel ~= owner and tell(channel, format('l %s %.0f 0 %s', claim.text, now, key)) then return end
  end
end

-- Gives a lock that nobody holds to the first waiter that can be told, else to nobody.
local function handOver(key, lock, first)
  local ticket, after, waiter = tonumber(lock[5]), tonumber(lock[6]), first
  while ticket < after do
    local field = 'w' .. ticket
    if waiter == nil then waiter = try('HGET', key, field) end
    ticket = ticket + 1
    if type(waiter) == 'string' then
      local token, channel, ttl, waitEnd, since, metadata = match(waiter, '^(%S+) (%S+) (%d+) (%d+) (%d+) (.*)$')
      local place = 'q' .. token
      if tonumber(waitEnd) > now then
        local new = lease(now + math.min(tonumber(ttl), ${CLAIM_MS}))
        local fence, failure = own(key, lock, token, channel, metadata, new, { first = ticket })
        if failure then return failure end
        if tell(channel, format('g %s %s %s %.0f', token, fence, new.text, now)) then
          if ticket == after then return errorOf(try('HDEL', key, field, place, 'h', 't')) end
          alert(key, ticket, after, channel, new)
          return errorOf(try('HDEL', key, field, place))
        end
      end
      try('HDEL', key, field, place)
    end
    waiter = nil
  end
  try('HDEL', key, 'h', 't')
  lock[1] = ''
  return errorOf(try('HSET', key, 'o', ''))
end

-- Tells all who wait until when the lock is held.
local function announce(key, lock)
  local told, before = {}, 0
  local last = math.min(tonumber(lock[6]), lock[5] + ${MOST_TOLD}) - 1
  for ticket = tonumber(lock[5]), last do
    local waiter = try('HGET', key, 'w' .. ticket)
    local channel = type(waiter) == 'string' and match(waiter, '^%S+ (%S+)')
    if channel and not told[channel] then
      told[channel] = true
      tell(channel, format('l %s %.0f %d %s', lock[3], now, before, key))
      before = before + 1
    end
  end
end

-- Puts a token at the end of the queue, unless it waits already. Returns how many wait before it.
local function enqueue(key, lock, token, ask)
  local place = 'q' .. token
  local ticket = lock[5] and try('HGET', key, place)
  if ticket then return ticket - lock[5], nil, true end
  local first = lock[5] or 0
  ticket = tonumber(lock[6] or 0)
  local waiter = format('%s %s %s %.0f %.0f %s', token, inbox, ask.ttl, now + ask.waitMs, now, ask.text)
  local failure = errorOf(try('HSET', key, 'h', first, 't', ticket + 1, 'w' .. ticket, waiter, place, ticket))
  if failure then return nil, failure end
  lock[5], lock[6] = first, ticket + 1
  return ticket - first
end

-- Takes a token out of the queue, if it is in it.
local function leave(key, token)
  local place = 'q' .. token
  local ticket = try('HGET', key, place)
  if type(ticket) == 'string' then try('HDEL', key, place, 'w' .. ticket) end
end

-- A lock that somebody holds or waits for.
local function contend(key, lock, token, ask)
  local owner, leaseEnd = lock[1], tonumber(lock[3] or '0') or 0
  local isHeld = owner and owner ~= '' and leaseEnd > now
  if isHeld and owner == token then return lock[2], leaseEnd end
  -- one whose turn has come and gone unheard is still the first
  local isFree = not isHeld and (not lock[5] or ask.barges or owner == token)
  local rank, failure, waitsAlready = '', nil, nil
  if not isFree and ask.waitMs > 0 then rank, failure, waitsAlready = enqueue(key, lock, token, ask) end
  if not isFree and not isHeld and not failure then
    failure = handOver(key, lock)
    leaseEnd = tonumber(lock[3])
    if lock[1] == token then rank = lock[2] end
    -- of those who waited nobody can be told
    isFree = lock[1] == '' and not failure
  end
  if isFree then
    -- who overtakes the others may have been one of them
    if lock[5] then leave(key, token) end
    leaseEnd = newLease(ask).ends
    rank, failure = own(key, lock, token, inbox, ask.text, newLease(ask), ask.fence)
  end
  if waitsAlready and isHeld then announce(key, lock) end
  return failure or rank, leaseEnd
end

local operations = {}

function operations.acquire(key, token, ask)
  local lock = try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't')
  local owner = lock[1]
  if owner == nil then return lock.err, now end
  if (owner and owner ~= '') or lock[5] then return contend(key, lock, token, ask) end
  -- most often: nobody holds it, nobody waits
  local new = newLease(ask)
  local fence, failure = own(key, lock, token, inbox, ask.text, new, ask.fence)
  return failure or fence, new.ends
end

function operations.barge(key, token, ask)
  ask.barges = true
  return operations.acquire(key, token, ask)
end

function operations.release(key, token)
  local lock = try('HMGET', key, 'o', 'h')
  local owner = lock[1]
  if owner == nil then return lock.err, now end
  if owner == token then
    if not lock[2] then return errorOf(try('HSET', key, 'o', '')) or 1, now end
    lock = try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't', 'w' .. lock[2])
    return handOver(key, lock, lock[7]) or 1, now
  end
  if lock[2] then leave(key, token) end
  if owner and owner ~= '' then return -1, now end
  return 0, now
end

function operations.verify(key, token)
  local lock = try('HMGET', key, 'o', 'x')
  local owner = lock[1]
  if owner == nil then return lock.err, now end
  local leaseEnd = tonumber(lock[2] or '0') or 0
  if owner == token then
    if leaseEnd > now then return 1, leaseEnd end
    return 0, leaseEnd
  end
  if owner and owner ~= '' then return -1, leaseEnd end
  return 0, leaseEnd
end

function operations.extend(key, token, ask)
  local standing, leaseEnd = operations.verify(key, token)
  local new = newLease(ask)
  if standing ~= 1 or new.ends <= leaseEnd then return standing, leaseEnd end
  return errorOf(try('HSET', key, 'x', new.text)) or outlive(key, leaseEnd, new) or 1, new.ends
end

function operations.pass(key, token, ask)
  local lock = try('HMGET', key, 'o', 'f', 'x', 'm')
  local owner = lock[1]
  if owner == nil then return lock.err, now end
  if owner == token then
    local new = newLease(ask)
    local fence, failure = own(key, lock, ask.shape, inbox, ask.text, new)
    return failure or fence, new.ends
  end
  if owner and owner ~= '' then return -1, now end
  return 0, now
end

function operations.raise(key, token, ask)
  local standing, leaseEnd = operations.verify(key, token)
  if standing ~= 1 or tonumber(redis.call('HGET', key, 'f')) >= tonumber(ask.text) then return standing, leaseEnd end
  return errorOf(try('HSET', key, 'f', ask.text)) or 1, leaseEnd
end

function operations.force(key, token, ask)
  local lock = try('HMGET', key, 'o', 'f', 'x', 'm', 'h', 't', 'n')
  local owner, channel = lock[1], lock[7] or ''
  if owner == nil then return lock.err, now end
  if not owner or owner == '' or (tonumber(lock[3] or '0') or 0) <= now then return 0, now end
  local failure
  if lock[5] then failure = handOver(key, lock) else failure = errorOf(try('HSET', key, 'o', '')) end
  if failure then return failure, now end
  tell(channel, 'f ' .. owner .. ' ' .. ask.text)
  return 1, now
end

local answers, answered = {now}, 1
local first, at = 1, 3
while first <= #KEYS do
  local last = first + ARGV[at] - 1
  local decide, ttl = operations[ARGV[at + 1]], ARGV[at + 2]
  local ask = { ttl = ttl, waitMs = tonumber(ARGV[at + 3]), shape = ARGV[at + 4], text = ARGV[at + 5] }
  if ask.shape ~= '' then ask.fence = { proposed = ask.shape } end
  local tokens = at + 6 - first
  for i = first, last do
    answers[answered + 1], answers[answered + 2] = decide(KEYS[i], ARGV[tokens + i], ask)
    answered = answered + 2
  end
  at = tokens + last + 1
  first = last + 1
end
return answers`,
);
