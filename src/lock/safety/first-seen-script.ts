import type { CommandArg } from '../../client/calls/command.js';
import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';

/** For how long (ms) a primary has been known to somebody: 0 for whoever asks first. */
export const firstSeen: ScriptDef<readonly [keptMs: CommandArg], number> = defineScript<
  readonly [keptMs: CommandArg],
  number
>({
  name: 'lock.firstSeen',
  keys: ['primary'],
  args: ['keptMs'],
  readOnly: false,
  idempotent: true,
  decode,
  lua: `
-- KEYS[1] when it was seen first (ms)  ARGV[1] for how long that is to be remembered from now on (ms)
local time = redis.call('TIME')
local now = math.floor(time[1] * 1000 + time[2] / 1000)
local seen = tonumber(redis.call('GET', KEYS[1]) or '')
if not seen or seen > now then seen = now end
redis.call('SET', KEYS[1], string.format('%.0f', seen), 'PX', ARGV[1])
return now - seen`,
});

function decode(reply: Reply): number {
  if (typeof reply === 'number' && reply >= 0) return reply;
  throw new BadReplyError('lock.firstSeen', 'a duration', reply);
}
