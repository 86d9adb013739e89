import { ConfigError, identify, RedisUtilsError } from '../core/errors.js';

/**
 * The session was changed by somebody else and this update was not written: with `ifRevision` at the first sight of
 * another revision, without it after all attempts met a newer one. The stored session is intact; read it again.
 */
export class SessionConflictError extends RedisUtilsError {
  declare readonly code: 'RU_SESSION_CONFLICT';
  /** The revision the update was based on. */
  readonly expectedRevision: number;
  /** The revision the server has. */
  readonly actualRevision: number;
  readonly attempts: number;

  static {
    identify(this, 'SessionConflictError', 'RU_SESSION_CONFLICT');
  }

  constructor(facts: { expectedRevision: number; actualRevision: number; attempts: number }) {
    super(
      `The session is at revision ${facts.actualRevision}, the update was made from revision ` +
        `${facts.expectedRevision} (attempt ${facts.attempts}); nothing was written – read the session again`,
    );
    this.expectedRevision = facts.expectedRevision;
    this.actualRevision = facts.actualRevision;
    this.attempts = facts.attempts;
  }
}

/** Whether an operation failed for the store or for what it holds, and not for what its caller gave or did. */
export function liesWithStore(error: unknown): boolean {
  if (error instanceof ConfigError || error instanceof SessionConflictError) return false;
  return error instanceof RedisUtilsError;
}
