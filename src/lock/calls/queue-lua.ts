/** How many waiters are looked through for inboxes when the lease's end is announced: that takes the server's time. */
const MOST_TOLD = 256;
/** How many who have left or died are passed over in search of one who looks after a claim. */
const MOST_SKIPPED = 16;

/**
 * The queue in the hash of a lock, as the scripts keep it: w<ticket> is a waiter, `<token> <channel> <ttl> <until> <since>
 * <about>`, q<token> the ticket of its token, h the ticket of the first and t the one that is given next. What a script
 * has read of its hash is a list with h and t at 5 and 6.
 */
export const queueLua = `
-- Lets the first of those who go on waiting, in another process than the owner, look when its claim is over. Returns the
-- channel of that process.
local function alert(key, ticket, after, owner, claimEnd)
  for other = ticket, math.min(after, ticket + ${MOST_SKIPPED}) - 1 do
    local waiter = try('HGET', key, 'w' .. other)
    local channel = type(waiter) == 'string' and match(waiter, '^%S+ (%S+)')
    if channel and channel ~= owner and tell(channel, format('l %s %.0f 0 %s', claimEnd, now, key)) then
      return channel
    end
  end
end

-- Tells all who wait until when the lock is held. Returns the tickets of those whom nobody hears.
local function announce(key, lock, leaseEnd)
  local told, before, dead = {}, 0, {}
  local last = math.min(tonumber(lock[6]), lock[5] + ${MOST_TOLD}) - 1
  for ticket = tonumber(lock[5]), last do
    local waiter = try('HGET', key, 'w' .. ticket)
    local channel = type(waiter) == 'string' and match(waiter, '^%S+ (%S+)')
    if channel and told[channel] == nil then
      told[channel] = tell(channel, format('l %s %.0f %d %s', leaseEnd, now, before, key))
      before = before + 1
    end
    if channel and not told[channel] then dead[#dead + 1] = ticket end
  end
  return dead
end

-- Puts a token at the end of the queue, unless it waits already. Returns how many wait before it.
local function enqueue(key, lock, token, ask, about)
  local place = 'q' .. token
  local ticket = lock[5] and try('HGET', key, place)
  if ticket then return ticket - lock[5], nil, true end
  local first = lock[5] or 0
  ticket = tonumber(lock[6] or 0)
  local waiter = format('%s %s %s %.0f %.0f %s', token, inbox, ask.ttl, now + ask.waitMs, now, about)
  local failure = errorOf(try('HSET', key, 'h', first, 't', ticket + 1, 'w' .. ticket, waiter, place, ticket))
  if failure then return nil, failure end
  lock[5], lock[6] = first, ticket + 1
  return ticket - first
end

-- Takes a token out of the queue. Returns whether it was in it.
local function leave(key, token)
  local place = 'q' .. token
  local ticket = try('HGET', key, place)
  if type(ticket) ~= 'string' then return false end
  try('HDEL', key, place, 'w' .. ticket)
  return true
end`;
