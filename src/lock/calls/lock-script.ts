import { queueLua } from './queue-lua.js';
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
-- Makes a token the owner. Returns its fence, or nil and what Redis said against it.
-- options: proposed, a fence in the place of the time; first, the ticket of the first who then waits
local function own(key, lock, token, channel, metadata, new, options)
  local fence, failure = fenceAfter(lock[2], options and options.proposed), nil
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

${queueLua}

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
        if mayInsist(key, failure) then fence, failure = own(key, lock, token, channel, metadata, new, { first = ticket }) end
        if failure then return failure end
        if tell(channel, format('g %s %s %s %.0f', token, fence, new.text, now)) then
          if ticket == after then return errorOf(try('HDEL', key, field, place, 'h', 't')) end
          alert(key, ticket, after, channel, new.text)
          return errorOf(try('HDEL', key, field, place))
        end
      end
      try('HDEL', key, field, place)
    end
    waiter = nil
  end
  try('HDEL', key, 'h', 't')
  lock[1] = ''
  return rewrite(key, 'o', '')
end

-- A lock that somebody holds or waits for.
local function contend(key, lock, token, ask)
  local owner, leaseEnd = lock[1], tonumber(lock[3] or '0') or 0
  local isHeld = owner and owner ~= '' and leaseEnd > now
  if isHeld and owner == token then return lock[2], leaseEnd end
  -- one whose turn has come and gone unheard is still the first
  local isFree = not isHeld and (not lock[5] or ask.barges or owner == token)
  local rank, failure, waitsAlready = '', nil, nil
  if not isFree and ask.waitMs > 0 then rank, failure, waitsAlready = enqueue(key, lock, token, ask, ask.text) end
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
  if waitsAlready and isHeld then announce(key, lock, lock[3]) end
  return failure or rank, leaseEnd
end

-- Of a group of calls.
local function prepare(ask)
  if ask.shape ~= '' then ask.fence = { proposed = ask.shape } end
end

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
    if not lock[2] then return rewrite(key, 'o', '') or 1, now end
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
  return rewrite(key, 'x', new.text) or outlive(key, leaseEnd, new) or 1, new.ends
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
  if lock[5] then failure = handOver(key, lock) else failure = rewrite(key, 'o', '') end
  if failure then return failure, now end
  tell(channel, 'f ' .. owner .. ' ' .. ask.text)
  return 1, now
end`,
);
