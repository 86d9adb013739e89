/** What a session can have done to it, as it appears in `error` events. */
export type SessionOperation = 'create' | 'read' | 'extend' | 'update' | 'destroy';

/**
 * The first 12 characters of the hash under which a session is stored: enough to follow one session through logs and
 * to find its key, useless as a session id.
 */
export type SessionTag = string;

/** What a `SessionManager` tells about itself. No event holds a session id, a user id or session data. */
export interface SessionEvents {
  readonly created: { readonly tag: SessionTag };
  readonly extended: { readonly tag: SessionTag };
  readonly updated: { readonly tag: SessionTag; readonly revision: number };
  /** Somebody destroyed a session that existed; not told when a session expires. */
  readonly destroyed: { readonly tag: SessionTag };
  /** A well-formed id was presented that names no live session: expired, destroyed, or guessed. */
  readonly unknown: { readonly tag: SessionTag; readonly operation: SessionOperation };
  /** An operation rejected because of the store or of what it holds; the caller got the same error. */
  readonly error: { readonly tag: SessionTag; readonly operation: SessionOperation; readonly error: unknown };
}
