import { ErrorReply, RESP_TYPES } from '@redis/client';

import { ServerError } from '../../../core/errors.js';
import type { Reply, ReplyMap } from '../../driver.js';

/** How the client decodes: maps as `Map`, since its objects have a prototype and lose a field called `__proto__`. */
interface Decoding {
  readonly typeMapping: Readonly<Record<number, unknown>>;
}
export const TEXT: Decoding = { typeMapping: { [RESP_TYPES.MAP]: Map } };
export const BYTES: Decoding = {
  typeMapping: { [RESP_TYPES.MAP]: Map, [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer },
};

/** What the client decodes to; lists are only ever changed in place, before anybody else has seen them. */
export type RawReply = Exclude<Reply, readonly Reply[] | ReplyMap> | RawReply[] | Map<string, RawReply>;

/** The reply as the driver port describes it. Plain values, and lists of them, are returned as they are. */
export function toReply(raw: RawReply, command: string): Reply {
  if (typeof raw !== 'object' || raw === null || Buffer.isBuffer(raw)) return raw;
  if (Array.isArray(raw)) {
    const list: Reply[] = raw as Reply[];
    for (let index = 0; index < raw.length; index += 1) {
      const item = raw[index] as RawReply;
      if (typeof item === 'object' && item !== null && !Buffer.isBuffer(item)) list[index] = toReply(item, command);
    }
    return list;
  }
  if (raw instanceof Map) {
    const map = Object.create(null) as Record<string, Reply>;
    for (const [key, value] of raw) map[key] = toReply(value, command);
    return map;
  }
  return raw instanceof ErrorReply ? new ServerError(raw.message, command) : raw;
}
