import { defineScript, type ScriptDef } from '../client/script.js';
import type { Reply } from '../client/driver.js';
import { BadReplyError } from '../core/errors.js';
import type { CounterProblem } from './errors.js';

export type IncrementArgs = readonly [by: number, ttlMs: number];
export type IncrementReply = { readonly value: number } | { readonly problem: CounterProblem };

/**
 * Adds to a counter, creates it with an expiry, and gives one to a counter that has lost its own. The result is exact
 * or refused: it stays within ±(2^53 − 1), where doubles (Lua's and JavaScript's) hold every integer.
 */
export const INCREMENT: ScriptDef<IncrementArgs, IncrementReply> = defineScript({
  name: 'cache.increment',
  keys: ['counter'],
  args: ['by', 'ttlMs'],
  readOnly: false,
  idempotent: false,
  decode: decodeIncrement,
  lua: `
    local LIMIT = 9007199254740991
    local current = redis.call('GET', KEYS[1])
    local before = 0
    -- a lease and no value, of a load that is overtaken
    if current and string.sub(current, 1, 2) == '\\193\\2' and string.byte(current, 3) % 2 == 1 then
      redis.call('UNLINK', KEYS[1])
      current = false
    end
    if current then
      if current ~= '0' and not string.find(current, '^%-?[1-9]%d*$') then return {0, 'not-a-counter'} end
      before = tonumber(current)
    end
    local after = before + tonumber(ARGV[1])
    if before > LIMIT or before < -LIMIT or after > LIMIT or after < -LIMIT then return {0, 'overflow'} end
    redis.call('INCRBY', KEYS[1], ARGV[1])
    if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return {1, string.format('%.0f', after)}
  `,
});

function decodeIncrement(reply: Reply): IncrementReply {
  if (Array.isArray(reply)) {
    const [done, result] = reply as readonly Reply[];
    if (done === 1 && typeof result === 'string') return { value: Number(result) };
    if (done === 0 && (result === 'not-a-counter' || result === 'overflow')) return { problem: result };
  }
  throw new BadReplyError('cache.increment', 'a status and a result', reply);
}
