import { NEVER } from '../keyspace.js';
import { integerArg } from '../number.js';
import { ErrorReply } from '../reply.js';
import type { Session } from '../server.js';

export type ExpiryUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

export function isExpiryUnit(word: string): word is ExpiryUnit {
  return word === 'EX' || word === 'PX' || word === 'EXAT' || word === 'PXAT';
}

const MAX_MS = 2 ** 63;

/** The absolute time that an expiry of `SET`, `GETEX` or `SETEX` means. @throws ErrorReply unless it is positive */
export function expiryTime(
  session: Session,
  { unit, text }: { unit: ExpiryUnit; text: string },
  command: string,
): number {
  const amount = integerArg(text);
  const ms = unit.startsWith('EX') ? amount * 1000 : amount;
  const atMs = unit.endsWith('AT') ? ms : session.server.nowMs + ms;
  if (amount <= 0 || ms >= MAX_MS || atMs >= MAX_MS)
    throw new ErrorReply(`ERR invalid expire time in '${command}' command`);
  return atMs;
}

/** What is left of a time to live in milliseconds: -1 without expiry. */
export function remainingMs(session: Session, expiresAtMs: number): number {
  return expiresAtMs === NEVER ? -1 : Math.max(expiresAtMs - session.server.nowMs, 0);
}
