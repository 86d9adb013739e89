import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import { TIME } from '../entries/script-parts.js';

/** `stale`: what was written before may be served as stale, within its grace. `drop`: not at all. */
export type ChangeMode = 'stale' | 'drop';

/**
 * Ends an epoch and begins the next, whatever there was: nothing is read by the caller first, so that of two who do it
 * at once neither is lost.
 */
export const CHANGE: ScriptDef<readonly [fresh: Uint8Array, mode: ChangeMode, lifeMs: number], number> = defineScript({
  name: 'cache.changeEpoch',
  keys: ['epoch'],
  args: ['fresh', 'mode', 'lifeMs'],
  readOnly: false,
  idempotent: true,
  decode: nowMs,
  lua: `
-- KEYS[1] the epoch  ARGV[1] 16 random bytes  ARGV[2] stale or drop  ARGV[3] to live for at least (ms)
-- returns now
${TIME}
local hard = string.sub(ARGV[1], 9, 16)
if ARGV[2] == 'stale' then
  local old = redis.call('GETRANGE', KEYS[1], 8, 15)
  if #old == 8 then hard = old end
end
local life = math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], string.sub(ARGV[1], 1, 8) .. hard .. struct.pack('>I6', now), 'PX', life)
return now`,
});

function nowMs(reply: Reply): number {
  if (typeof reply === 'number') return reply;
  throw new BadReplyError('cache.changeEpoch', 'the time', reply);
}
