import type { CommandArg } from '../../client/calls/command.js';
import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';

/** Whether the lock was held (1), nobody's (0) or another's (-1); then the replies of the commands that were run. */
export type ExecReply = readonly [standing: number, ...replies: Reply[]];

/** Runs commands in the moment in which a token holds the lock, and stops at the first that fails. */
export const lockExec: ScriptDef<readonly CommandArg[], ExecReply> = defineScript<readonly CommandArg[], ExecReply>({
  name: 'lock.exec',
  keys: ['lock', 'key...'],
  // of each command how many words it has, then its words
  args: ['token', 'word...'],
  readOnly: false,
  idempotent: false,
  decode,
  lua: `
local lock = redis.call('HMGET', KEYS[1], 'o', 'x')
local owner, leaseEnd = lock[1], tonumber(lock[2] or '0') or 0
if owner ~= ARGV[1] then
  if owner and owner ~= '' then return {-1} end
  return {0}
end
local time = redis.call('TIME')
if leaseEnd <= math.floor(time[1] * 1000 + time[2] / 1000) then return {0} end
local replies = {1}
local at = 2
while at <= #ARGV do
  local last = at + ARGV[at]
  local reply = redis.pcall(unpack(ARGV, at + 1, last))
  replies[#replies + 1] = reply
  if type(reply) == 'table' and reply.err then return replies end
  at = last + 1
end
return replies`,
});

function decode(reply: Reply): ExecReply {
  if (Array.isArray(reply) && typeof reply[0] === 'number') return reply as unknown as ExecReply;
  throw new BadReplyError('lock.exec', 'a standing, then replies', reply);
}
