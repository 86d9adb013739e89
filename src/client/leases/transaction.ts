import type { Duration } from '../../core/duration.js';
import type { Command, CommandOptions } from '../calls/command.js';
import type { ReplyMode } from '../driver.js';
import type { PipelineResult } from '../calls/pipeline.js';

/** What the function of `manager.transaction()` works with. It ends with the attempt: afterwards every call is refused. */
export interface Transaction {
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Aborts when the time is up or the caller's signal aborts; give it to what the function awaits beside Redis. */
  readonly signal: AbortSignal;
  /**
   * Sends a command now, while the keys are watched: to read what the writes depend on. Nothing undoes it, so a write
   * belongs into `queue`.
   * @throws as `RedisManager.command`
   */
  command<T = unknown>(args: Command, options?: CommandOptions): Promise<T>;
  /**
   * Adds a command to those that are sent when the function has ended; they run all together or not at all. Its result
   * is in `results`, at this place in the order of the calls.
   * @throws ConfigError for what cannot be sent, as `RedisManager.command` · ClosedError after the end
   */
  queue(args: Command): void;
}

export interface TransactionOptions {
  /** Time for everything: the wait for a connection, every attempt and the pauses. Default `'10s'`. */
  readonly timeout?: Duration | undefined;
  /** Ends the transaction with `signal.reason`. If `EXEC` had been sent, it may still run. */
  readonly signal?: AbortSignal | undefined;
  /** Most attempts, the first included. 1 to 1,000, default 10. */
  readonly attempts?: number | undefined;
  /** How strings of the results are delivered: `'text'` (default) or `'bytes'`, as in `CommandOptions`. */
  readonly reply?: ReplyMode | undefined;
  /** In a cluster: a key of the slot. Default: the first watched key. */
  readonly key?: string | undefined;
}

/** What became of a transaction. */
export type TransactionResult<R> =
  | {
      /** The watched keys were unchanged, and the queued commands have run. */
      readonly committed: true;
      /** What the function returned, in the attempt that was committed. */
      readonly value: R;
      /** Of each queued command. One that failed has undone none of the others: Redis does not roll back. */
      readonly results: readonly PipelineResult[];
      readonly attempts: number;
    }
  | {
      /** In every attempt somebody else changed a watched key first: nothing was written. */
      readonly committed: false;
      readonly attempts: number;
    };
