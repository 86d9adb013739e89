import type { Command } from '../client/calls/command.js';

/** What the function of `guard.exec()` works with. It ends with the call: afterwards it is refused. */
export interface FencedTransaction {
  /**
   * Adds a command to those that run while the lock is held. In a cluster all its keys must be in the slot of the lock:
   * give the lock a key with a hash tag, and the same tag to them.
   * @throws ConfigError for what cannot be sent, as `RedisManager.command` · ClosedError after the end
   */
  queue(args: Command): void;
}
