import { ConnectionError, ServerError } from '../../../core/errors.js';

/** What the clients say when a command never left them. */
const NOT_SENT = /^(The client is (closed|offline)|The queue is full|The command was aborted|Stream isn't writeable)/;
/** Their classes for error replies. */
const REPLY_CLASSES: ReadonlySet<string> = new Set(['ReplyError', 'ErrorReply', 'SimpleError', 'BlobError']);

/**
 * Whether an error of a client is an error reply of the server. Told by the name of its class, or where a bundler has
 * changed that, by the server's way of speaking: a first word in capitals.
 */
export function isErrorReply(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  for (let at: unknown = error; at instanceof Error; at = Object.getPrototypeOf(at)) {
    if (REPLY_CLASSES.has(at.constructor.name)) return true;
  }
  return (error as NodeJS.ErrnoException).code === undefined && /^[A-Z][A-Z0-9_]+( |$)/.test(error.message);
}

/** Why a command of a wrapped client failed, in this library's terms. */
export function callError(error: unknown, { operation, endpoint }: { operation: string; endpoint: string }): Error {
  if (isErrorReply(error)) return new ServerError(error.message, operation);
  const notSent = error instanceof Error && NOT_SENT.test(error.message);
  return lost(endpoint, notSent ? 'not-sent' : 'unknown', error);
}

/** @param cause what the client said */
export function lost(endpoint: string, outcome: 'not-sent' | 'unknown', cause: unknown): ConnectionError {
  const what = outcome === 'unknown' ? 'was lost – the server may have run the command' : 'is lost, nothing was sent';
  return new ConnectionError(`The connection to ${endpoint} ${what}`, { endpoint, reason: 'lost', outcome, cause });
}
