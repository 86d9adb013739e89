import type { Reply } from '../client/driver.js';
import { DecodeError } from '../codec/index.js';
import { BadReplyError } from '../core/errors.js';

/** The fields of the hash that a record is made of, in the order in which `toRecord` expects them; `a` may be left out. */
export const FIELDS = ['m', 's', 'd', 'a'] as const;
export const FIELDS_WITHOUT_USER = ['m', 's', 'd'] as const;

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
  readonly data: Buffer;
  /** Sealed facts about the session (its user); undefined when there are none, or when they were not asked for. */
  readonly about: Buffer | undefined;
}

/** What never changes: layout, creation, absolute deadline, idle time, user tag. */
const MADE = /^1 (\d{1,15}) (\d{1,15}) (\d{1,15}) ([\w-]*)$/;

/** What every write changes: revision, expiry, last use. */
const STATE = /^(\d{1,15}) (\d{1,15}) (\d{1,15})$/;

/** Reads the reply to `HMGET key m s d [a]` in bytes; undefined when there is no such key. */
export function toRecord(key: string, reply: Reply): SessionRecord | undefined {
  if (!Array.isArray(reply) || reply.length < FIELDS_WITHOUT_USER.length) {
    throw new BadReplyError('HMGET', 'an array of three or four', reply);
  }
  const [m, s, d, a] = reply as (Buffer | null | undefined)[];
  if (!m && !s && !d) return undefined;
  const made = MADE.exec(m?.toString('latin1') ?? '');
  const state = STATE.exec(s?.toString('latin1') ?? '');
  if (made === null || state === null || !d) throw unreadable(key, m ?? undefined);
  const [, created = '', deadline = '', idle, userTag = ''] = made;
  return {
    revision: Number(state[1]),
    createdMs: Number(created),
    deadlineMs: Number(deadline),
    expiresMs: Number(state[2]),
    idleMs: Number(idle),
    seenMs: Number(state[3]),
    bound: [created, deadline, userTag],
    data: d,
    about: a ?? undefined,
  };
}

function unreadable(key: string, made: Buffer | undefined): DecodeError {
  const layout = /^\d+(?= )/.exec(made?.toString('latin1') ?? '')?.[0];
  if (layout === undefined || layout === '1') {
    return new DecodeError({ key, reason: 'malformed', detail: 'a field of the session is missing or damaged' });
  }
  return new DecodeError({ key, reason: 'version', detail: `its layout is ${layout}, not 1` });
}
