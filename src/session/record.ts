import { BadReplyError } from '../core/errors.js';
import { DecodeError, type DecodeReason } from '../codec/index.js';
import type { Reply } from '../client/driver.js';

/** The layout this version writes, and the only one it reads. */
export const LAYOUT = '1';

/** The fields of the hash, in the order in which `toRecord` expects them. */
export const FIELDS = ['y', 'd', 'c', 'x', 'e', 'i', 'l', 't', 'v', 'a'] as const;

/** A session as it is stored: times of the server in milliseconds, data still sealed. */
export interface SessionRecord {
  readonly revision: number;
  readonly createdMs: number;
  /** The absolute deadline. */
  readonly deadlineMs: number;
  readonly expiresMs: number;
  /** 0 for a fixed expiry. */
  readonly idleMs: number;
  readonly seenMs: number;
  /** What the sealed parts are bound to besides their key: creation, deadline and user, as they are stored. */
  readonly bound: readonly [created: string, deadline: string, userTag: string];
  /** Sealed facts about the session (its user), empty when there are none. */
  readonly about: Buffer;
  readonly data: Buffer;
}

/** Reads the reply to `HMGET key ...FIELDS` in bytes; undefined when there is no such key. */
export function toRecord(key: string, reply: Reply): SessionRecord | undefined {
  if (!Array.isArray(reply) || reply.length !== FIELDS.length) {
    throw new BadReplyError('HMGET', `an array of ${FIELDS.length}`, reply);
  }
  const [layout, data, created, deadline, expires, idle, seen, userTag, revision, about] = reply as (Buffer | null)[];
  if (layout === null && data === null && created === null) return undefined;
  if (layout?.toString('latin1') !== LAYOUT) {
    throw refused(key, 'version', `its layout is not ${LAYOUT}`);
  }
  if (!data || !created || !deadline || !userTag || !about) throw refused(key, 'malformed', 'a field is missing');
  const bound = [created.toString('latin1'), deadline.toString('latin1'), userTag.toString('latin1')] as const;
  return {
    revision: whole(key, revision),
    createdMs: whole(key, created),
    deadlineMs: whole(key, deadline),
    expiresMs: whole(key, expires),
    idleMs: whole(key, idle),
    seenMs: whole(key, seen),
    bound,
    about,
    data,
  };
}

const WHOLE = /^\d{1,15}$/;

function whole(key: string, field: Buffer | null | undefined): number {
  const text = field?.toString('latin1') ?? '';
  if (WHOLE.test(text)) return Number(text);
  throw refused(key, 'malformed', 'a field is no whole number');
}

function refused(key: string, reason: DecodeReason, detail: string): DecodeError {
  return new DecodeError({ key, reason, detail });
}
