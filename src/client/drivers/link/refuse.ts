import type { ReplySink } from '../../driver.js';

/**
 * Rejects a command that is not to be sent, in the next turn of the event loop: a caller that tries again as soon as it
 * is refused must not keep timers and sockets from their turn, which alone can end the refusals.
 */
export function refuse(sink: ReplySink, error: Error): void {
  setImmediate(() => sink.reject(error));
}
