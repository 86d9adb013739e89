import { doubleText } from '../../embedded/number.js';
import { Double, type EngineReply, ErrorReply, MapReply, PairsReply, Status } from '../../embedded/reply.js';

export type Protocol = 2 | 3;

/** A reply as it goes onto the wire, one byte per UTF-16 unit. RESP2 has neither maps, doubles nor pairs. */
export function encodeReply(reply: EngineReply, protocol: Protocol): string {
  if (typeof reply === 'string') return `$${reply.length}\r\n${reply}\r\n`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (reply === null) return protocol === 3 ? '_\r\n' : '$-1\r\n';
  if (reply instanceof Status) return `+${reply.text}\r\n`;
  if (reply instanceof ErrorReply) return `-${reply.message.replace(/[\r\n]/g, ' ')}\r\n`;
  if (reply instanceof Double) return encodeDouble(reply.value, protocol);
  if (reply instanceof MapReply) return encodeMap(reply.flat, protocol);
  if (reply instanceof PairsReply) return encodePairs(reply.flat, protocol);
  return encodeItems('*', reply.length, { items: reply, protocol });
}

/** What no command asked for. RESP2 has no type of its own for it. */
export function encodePush(items: readonly EngineReply[], protocol: Protocol): string {
  return encodeItems(protocol === 3 ? '>' : '*', items.length, { items, protocol });
}

/** The absence of a list, which RESP2 tells from that of a string. */
export function encodeNullArray(protocol: Protocol): string {
  return protocol === 3 ? '_\r\n' : '*-1\r\n';
}

interface Items {
  readonly items: readonly EngineReply[];
  readonly protocol: Protocol;
}

function encodeItems(sign: string, count: number, { items, protocol }: Items): string {
  let text = `${sign}${count}\r\n`;
  for (const item of items) text += encodeReply(item, protocol);
  return text;
}

function encodeDouble(value: number, protocol: Protocol): string {
  const text = doubleText(value);
  return protocol === 3 ? `,${text}\r\n` : `$${text.length}\r\n${text}\r\n`;
}

function encodeMap(items: readonly EngineReply[], protocol: Protocol): string {
  const [sign, count] = protocol === 3 ? ['%', items.length / 2] : ['*', items.length];
  return encodeItems(sign, count, { items, protocol });
}

function encodePairs(items: readonly EngineReply[], protocol: Protocol): string {
  if (protocol === 2) return encodeItems('*', items.length, { items, protocol });
  let text = `*${items.length / 2}\r\n`;
  for (let at = 0; at < items.length; at += 2) text += encodeReply(items.slice(at, at + 2), protocol);
  return text;
}
