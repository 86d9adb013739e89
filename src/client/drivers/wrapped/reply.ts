import { ServerError } from '../../../core/errors.js';
import type { Reply } from '../../driver.js';
import { isErrorReply } from './call-error.js';

/** What a client gave as a reply of the driver port. Plain values, and lists of them, are returned as they are. */
export function toReply(raw: unknown, command: string): Reply {
  if (typeof raw !== 'object' || raw === null || Buffer.isBuffer(raw)) return raw as Reply;
  if (Array.isArray(raw)) {
    const list = raw as unknown[];
    for (let index = 0; index < list.length; index += 1) {
      const item = list[index];
      // nobody else has seen the list yet
      if (typeof item === 'object' && item !== null) list[index] = toReply(item, command);
    }
    return list as Reply[];
  }
  if (isErrorReply(raw)) return new ServerError(raw.message, command);
  if (raw instanceof Set) return toReply([...raw], command);
  const map = Object.create(null) as Record<string, Reply>;
  for (const [key, value] of raw instanceof Map ? raw : Object.entries(raw)) map[String(key)] = toReply(value, command);
  return map;
}
