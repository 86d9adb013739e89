import { queueLua } from '../calls/queue-lua.js';
import { CLAIM_MS, defineRun } from '../calls/run-script.js';

/*
 * A semaphore or a read-write lock is one hash. Each holder has a field, o<token>, with `<lease end> <weight> <fence>
 * <channel> <metadata>`; u is the weight of all of them, f the last fence, p what was granted last (s permits, r to read,
 * w to write; while somebody holds it, all of them have that), x the latest lease end that was ever promised, which the
 * key outlives as that of a lock does. e is a time before which no lease ends: until then nobody has to be looked for.
 *
 * Who waits stands in the same hash as with locks: h, t, w<ticket>, q<token>, where `<about>` is `<shape> <metadata>`.
 * Shapes: `<weight>/<permits>`, `read`, `write`.
 */

/**
 * As `lock.run` (calls/lock-script.ts), for what several may hold at once: each by a lease of its own, with a fence of
 * its own. Where it differs:
 *
 * acquire: granted if it fits and nobody waits. To read fits beside readers, to write if nobody holds it; a weight if it
 * and what is held are no more than the permits that the request itself speaks of. A token whose turn has come and gone
 * unheard need not wait again if it fits. `barge` does not look at those who wait.
 * serving the queue, whenever it is touched and something may have become free: whoever is first, as long as they fit, and
 * nobody past one who does not fit. But after a writer come all readers who wait at that moment, wherever they stand;
 * since readers do not pass a writer who waits, the two take turns. Each is told; who does not hear is passed over.
 * release: a token that is not there has expired (0), unless there is a writer (-1).
 * force: from all holders, and each is told.
 */
export const permitsRun = defineRun(
  'permits.run',
  `
${queueLua}

local wants = { read = { weight = 1, phase = 'r' }, write = { weight = 1, phase = 'w' } }

local function wantOf(shape)
  local weight, permits = match(shape, '^(%d+)/(%d+)$')
  if weight then wants[shape] = { weight = tonumber(weight), permits = tonumber(permits), phase = 's' } end
  return wants[shape]
end

-- Of a group of calls.
local function prepare(ask)
  ask.want = wantOf(ask.shape)
end

-- What is known of it, and in 8 what the token holds.
local function read(key, token)
  local pool = try('HMGET', key, 'u', 'f', 'x', 'p', 'h', 't', 'e', 'o' .. token)
  if pool[1] == nil then return nil, pool.err end
  pool[1], pool[7], pool.granted = tonumber(pool[1] or 0), tonumber(pool[7] or 0), {}
  return pool
end

local function fits(pool, want)
  if want.permits then return pool[1] + want.weight <= want.permits end
  return pool[1] == 0 or (want.phase == 'r' and pool[4] == 'r')
end

-- Returns the fence, or nil and what Redis said against it.
local function grant(key, pool, token, want, channel, metadata, new)
  local fence, latest, earliest = fenceAfter(pool[2]), pool[3], new.ends
  if not latest or tonumber(latest) < new.ends then latest = new.text end
  if pool[1] > 0 then earliest = math.min(earliest, pool[7]) end
  local held = format('%s %.0f %s %s %s', new.text, want.weight, fence, channel, metadata)
  local used = pool[1] + want.weight
  local failure = errorOf(try('HSET', key, 'o' .. token, held, 'f', fence, 'u', format('%.0f', used),
    'e', format('%.0f', earliest), 'x', latest, 'p', want.phase))
  if not failure and latest ~= pool[3] then failure = outlive(key, pool[3], new) end
  if failure then return nil, failure end
  pool[1], pool[2], pool[3], pool[4], pool[7] = used, fence, latest, want.phase, earliest
  return fence
end

local function takeBack(key, pool, token, weight)
  pool[1] = pool[1] - weight
  try('HDEL', key, 'o' .. token)
  return errorOf(try('HSET', key, 'u', format('%.0f', pool[1])))
end

local function eachHolder(key, look)
  for _, field in ipairs(try('HKEYS', key)) do
    if match(field, '^o') then
      local ends, weight, channel = match(try('HGET', key, field), '^(%d+) (%d+) %d+ (%S*)')
      look(field, tonumber(ends), tonumber(weight), channel)
    end
  end
end

-- Takes back what is held by leases that have ended.
local function sweep(key, pool)
  if pool[1] == 0 or pool[7] > now then return end
  local used, earliest = 0, nil
  eachHolder(key, function(field, ends, weight)
    if ends <= now then return try('HDEL', key, field) end
    used, earliest = used + weight, math.min(earliest or ends, ends)
  end)
  pool[1], pool[7] = used, earliest or 0
  try('HSET', key, 'u', format('%.0f', used), 'e', format('%.0f', pool[7]))
end

-- Who waits with a ticket; nothing where they have left, or their time is over.
local function waiterAt(key, ticket)
  local field = 'w' .. ticket
  local waiter = try('HGET', key, field)
  if type(waiter) ~= 'string' then return nil end
  local token, channel, ttl, waitEnd, shape, metadata =
    match(waiter, '^(%S+) (%S+) (%d+) (%d+) %d+ (%S+) (.*)$')
  if tonumber(waitEnd) > now then
    return { token = token, channel = channel, ttl = tonumber(ttl), want = wantOf(shape), metadata = metadata }
  end
  try('HDEL', key, field, 'q' .. token)
end

-- Gives a waiter what it waits for, if it can be told.
local function offer(key, pool, ticket, waiter)
  local token, channel, want = waiter.token, waiter.channel, waiter.want
  local new = lease(now + math.min(waiter.ttl, ${CLAIM_MS}))
  local fence, failure = grant(key, pool, token, want, channel, waiter.metadata, new)
  if failure then return failure end
  try('HDEL', key, 'w' .. ticket, 'q' .. token)
  if not tell(channel, format('g %s %s %s %.0f', token, fence, new.text, now)) then
    return takeBack(key, pool, token, want.weight)
  end
  pool.granted[token] = { fence = fence, ends = new.ends }
  if pool.owner and pool.owner ~= channel then pool.hasOwners = true end
  pool.owner = pool.owner or channel
end

-- Gives what is free to those who wait.
local function serve(key, pool)
  local first, after, failure = tonumber(pool[5]), tonumber(pool[6]), nil
  if pool[1] == 0 and pool[4] == 'w' then
    for ticket = first, after - 1 do
      local waiter = waiterAt(key, ticket)
      if waiter and waiter.want.phase == 'r' then failure = failure or offer(key, pool, ticket, waiter) end
    end
  end
  local ticket = first
  while ticket < after and not failure do
    local waiter = waiterAt(key, ticket)
    if waiter and not fits(pool, waiter.want) then break end
    failure = waiter and offer(key, pool, ticket, waiter)
    if not failure then ticket = ticket + 1 end
  end
  if failure then return failure end
  if ticket == after then
    pool[5], pool[6] = false, false
    return errorOf(try('HDEL', key, 'h', 't'))
  end
  if ticket ~= first then failure = errorOf(try('HSET', key, 'h', ticket)) end
  pool[5] = ticket
  -- one that is not among those who may stand still with a claim; or else two of them
  local claimEnd = format('%.0f', pool[7])
  local told = pool.owner and alert(key, ticket, after, pool.owner, claimEnd)
  if told and pool.hasOwners then alert(key, ticket, after, told, claimEnd) end
  pool.owner, pool.hasOwners = nil, nil
  return failure
end

-- Lets those go who are dead, and tells the others when a lease may end. Returns whether somebody went.
local function muster(key, pool)
  local dead = announce(key, pool, format('%.0f', pool[7]))
  for _, ticket in ipairs(dead) do
    local token = match(try('HGET', key, 'w' .. ticket), '^%S+')
    try('HDEL', key, 'w' .. ticket, 'q' .. token)
  end
  return #dead > 0
end

-- What is not free, or somebody waits for.
local function contend(key, pool, token, ask)
  local want, rank, failure, waitsAlready = ask.want, '', nil, nil
  if ask.waitMs > 0 then
    rank, failure, waitsAlready = enqueue(key, pool, token, ask, ask.shape .. ' ' .. ask.text)
    if failure then return failure, now end
  end
  if pool[5] then failure = serve(key, pool) end
  if not failure and waitsAlready and not pool.granted[token] and pool[5] and muster(key, pool) then
    failure = serve(key, pool)
  end
  local granted = pool.granted[token]
  if granted then return granted.fence, granted.ends end
  if not failure and not pool[5] and fits(pool, want) then
    -- of those who waited nobody can be told
    rank, failure = grant(key, pool, token, want, inbox, ask.text, newLease(ask))
    return failure or rank, newLease(ask).ends
  end
  return failure or rank, pool[7]
end

function operations.acquire(key, token, ask)
  local pool, failure = read(key, token)
  if not pool then return failure, now end
  local held = pool[8]
  if held then
    local ends, fence = match(held, '^(%d+) %d+ (%d+)')
    if tonumber(ends) > now then return fence, tonumber(ends) end
  end
  sweep(key, pool)
  if not fits(pool, ask.want) or (pool[5] and not ask.barges and not held) then
    return contend(key, pool, token, ask)
  end
  local new, fence = newLease(ask), nil
  fence, failure = grant(key, pool, token, ask.want, inbox, ask.text, new)
  if fence and pool[5] and leave(key, token) then failure = serve(key, pool) end
  return failure or fence, new.ends
end

function operations.barge(key, token, ask)
  ask.barges = true
  return operations.acquire(key, token, ask)
end

-- Of a token that is not there.
local function absent(key, pool)
  sweep(key, pool)
  if pool[1] > 0 and pool[4] == 'w' then return -1 end
  return 0
end

function operations.release(key, token)
  local pool, failure = read(key, token)
  if not pool then return failure, now end
  local standing = 1
  if pool[8] then
    failure = takeBack(key, pool, token, tonumber(match(pool[8], '^%d+ (%d+)')))
  else
    standing = absent(key, pool)
    if pool[5] then leave(key, token) end
  end
  if pool[5] and not failure then
    sweep(key, pool)
    failure = serve(key, pool)
  end
  return failure or standing, now
end

local function standingOf(key, pool)
  if not pool[8] then return absent(key, pool), now end
  local leaseEnd = tonumber(match(pool[8], '^%d+'))
  if leaseEnd > now then return 1, leaseEnd end
  return 0, leaseEnd
end

function operations.verify(key, token)
  local pool, failure = read(key, token)
  if not pool then return failure, now end
  return standingOf(key, pool)
end

function operations.extend(key, token, ask)
  local pool, failure = read(key, token)
  if not pool then return failure, now end
  local standing, leaseEnd = standingOf(key, pool)
  local new = newLease(ask)
  if standing ~= 1 or new.ends <= leaseEnd then return standing, leaseEnd end
  local held, latest = new.text .. match(pool[8], '^%d+(.*)$'), pool[3]
  if tonumber(latest) < new.ends then latest = new.text end
  failure = rewrite(key, 'o' .. token, held, 'x', latest)
  if not failure and latest ~= pool[3] then failure = outlive(key, pool[3], new) end
  return failure or 1, new.ends
end

function operations.force(key, token, ask)
  local pool, failure = read(key, token)
  if not pool then return failure, now end
  sweep(key, pool)
  if pool[1] == 0 then return 0, now end
  local taken = {}
  eachHolder(key, function(field, ends, weight, channel)
    taken['f ' .. string.sub(field, 2) .. ' ' .. ask.text] = channel
    try('HDEL', key, field)
  end)
  pool[1] = 0
  failure = errorOf(try('HSET', key, 'u', 0))
  if pool[5] and not failure then failure = serve(key, pool) end
  for message, channel in pairs(taken) do tell(channel, message) end
  return failure or 1, now
end`,
);
