import { ServerError } from '../core/errors.js';
import type { Reply, ReplyMode } from '../client/driver.js';
import { toBuffer, toText } from './binary.js';
import { Double, type EngineReply, ErrorReply, MapReply, PairsReply, Status } from './reply.js';

/** A reply as the driver port describes it. */
export function toPortReply(reply: EngineReply, mode: ReplyMode, command: string): Reply {
  if (typeof reply === 'string') return mode === 'bytes' ? toBuffer(reply) : toText(reply);
  if (reply === null || typeof reply === 'number') return reply;
  if (reply instanceof Status) return mode === 'bytes' ? toBuffer(reply.text) : toText(reply.text);
  if (reply instanceof Double) return reply.value;
  if (reply instanceof ErrorReply) return serverError(reply, command);
  const convert = (item: EngineReply): Reply => toPortReply(item, mode, command);
  if (reply instanceof MapReply) {
    const map = Object.create(null) as Record<string, Reply>;
    for (let index = 0; index < reply.flat.length; index += 2) {
      map[toText(reply.flat[index] as string)] = convert(reply.flat[index + 1] as EngineReply);
    }
    return map;
  }
  if (reply instanceof PairsReply) {
    const pairs: Reply[] = [];
    for (let index = 0; index < reply.flat.length; index += 2)
      pairs.push(reply.flat.slice(index, index + 2).map(convert));
    return pairs;
  }
  return reply.map(convert);
}

export function serverError(reply: ErrorReply, command: string): ServerError {
  return new ServerError(toText(reply.message), command);
}
