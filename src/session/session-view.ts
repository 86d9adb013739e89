import { toDate } from '../core/clock.js';
import type { SessionRecord } from './record.js';

/** A session with what is known about it. All times are the server's. */
export interface SessionView<T> {
  /** A copy of its own: changing it changes nothing that is stored. */
  readonly data: T;
  /** Counts the updates, from 1; what `ifRevision` compares. */
  readonly revision: number;
  readonly createdAt: Date;
  /** The last use that was written: up to a tenth of the idle time (at most a minute) older than the last use. */
  readonly lastSeen: Date;
  /** When the session ends unless it is used or extended. */
  readonly expiresAt: Date;
  /** When it ends whatever happens. */
  readonly absoluteExpiresAt: Date;
  readonly userId: string | undefined;
}

export function toView<T>(record: SessionRecord, data: T, userId: string | undefined): SessionView<T> {
  return {
    data,
    revision: record.revision,
    createdAt: toDate(record.createdMs),
    lastSeen: toDate(record.seenMs),
    expiresAt: toDate(record.expiresMs),
    absoluteExpiresAt: toDate(record.deadlineMs),
    userId,
  };
}
