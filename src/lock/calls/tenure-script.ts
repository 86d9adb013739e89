import type { Reply } from '../../client/driver.js';
import { defineScript, type ScriptDef } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import { readTenure, type Tenure } from './tenure.js';

/** Says who holds a lock, and nothing of those who wait, of whom there may be many. */
export const lockTenure: ScriptDef<readonly [], Tenure | undefined> = defineScript<readonly [], Tenure | undefined>({
  name: 'lock.tenure',
  keys: ['lock'],
  args: [],
  readOnly: true,
  idempotent: true,
  decode,
  lua: `
local time = redis.call('TIME')
return {time[1], time[2], redis.call('HMGET', KEYS[1], 'o', 'f', 'x', 'm')}`,
});

function decode(reply: Reply): Tenure | undefined {
  const [seconds, micros, fields] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  if (!Array.isArray(fields)) throw new BadReplyError('lock.tenure', 'the time, and four fields', reply);
  return readTenure(fields as (string | null)[], Number(seconds) * 1_000_000 + Number(micros));
}
