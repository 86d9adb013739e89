import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { PayloadError } from './errors.js';

/** A message as it is read from a subscription. */
export interface Message<T> {
  readonly data: T;
  /** The channel it was published to, without the prefix of the `PubSubManager`. */
  readonly channel: string;
  /** The pattern through which it came; absent on a subscription of a channel. */
  readonly pattern?: string;
  /** Id of the `PubSubManager` that published it, 11 characters; empty for a foreign publisher. */
  readonly publisher: string;
  /** True when this very `PubSubManager` published it. */
  readonly self: boolean;
}

/** A stretch of time in which messages may have been missed. Times are this process's wall clock. */
export interface Gap {
  /** The connection was lost, and the subscription has just been restored on a new one. */
  readonly cause: 'connection-lost';
  /** The last sign of life of the lost connection. */
  readonly sinceMs: number;
  /** When the server acknowledged the restored subscription. */
  readonly untilMs: number;
}

/**
 * What to do with messages that wait when there is no room for another:
 * - `'drop-oldest'`: the oldest goes;
 * - `'drop-newest'`: the new one goes;
 * - `'error'`: the subscription ends; what waits can still be read, then reading fails with a `SlowConsumerError`;
 * - `{ conflate }`: at any time only the newest message per key waits; a new key without room drops the oldest. Needs a
 *   schema that answers at once, if there is one.
 */
export type Overflow<T> = 'drop-oldest' | 'drop-newest' | 'error' | { readonly conflate: (data: T) => string };

export interface BufferOptions<T> {
  /** How many messages may wait to be read, 1 to 1,000,000. Default: 1000. */
  readonly max?: number | undefined;
  /** Default: `'drop-oldest'`. */
  readonly overflow?: Overflow<T> | undefined;
}

export interface SubscribeOptions<T> {
  /** What every message must match; takes the place of the channel's own. */
  readonly schema?: StandardSchemaV1<unknown, T> | undefined;
  /**
   * What to do with a message that cannot be read or does not match: `'skip'` it and tell the manager's `error` event
   * (default); `'throw'`: end the subscription there, reading fails with the `PayloadError`; or skip it and call this.
   */
  readonly onInvalid?: 'skip' | 'throw' | ((error: PayloadError) => void) | undefined;
  /** Leave out what this `PubSubManager` publishes itself. Decided before decoding. Default: false. */
  readonly ignoreSelf?: boolean | undefined;
  /** Before the acknowledgement: gives up with `signal.reason`. Afterwards: the same as `unsubscribe()`. */
  readonly signal?: AbortSignal | undefined;
  readonly buffer?: BufferOptions<T> | undefined;
}

/**
 * A subscription that the server has acknowledged. Read it with `for await`; leaving the loop unsubscribes.
 *
 * Delivery: at most once, in the order in which the server sent them. After a lost connection it is restored by itself
 * and goes on; what was published in between is lost, and `onGap` says so. All iterators of one subscription take from
 * the same messages, each message going to one of them; to read everything twice, subscribe twice (which costs no
 * further command).
 */
export interface Subscription<T> extends AsyncIterable<Message<T>>, AsyncDisposable {
  /** The channel or pattern, without prefix. */
  readonly channel: string;
  /**
   * Resolves when no further message will be received: with undefined after `unsubscribe`, `drain`, an aborted signal,
   * leaving the loop, or closing; with the error when the server refuses to restore it (`ServerError`), the buffer
   * overflowed under `'error'`, or an invalid message came under `'throw'`. Never rejects.
   */
  readonly closed: Promise<Error | undefined>;
  /** Messages received and not read yet. */
  readonly pending: number;
  /** Messages received and given up for lack of room, or replaced by a newer one of the same key. */
  readonly dropped: number;
  /**
   * Calls `fn` each time the subscription was restored after a loss, before anything that came since is read.
   * A connection that ended without a sign is noticed when the system notices. Returns what removes the listener.
   */
  onGap(fn: (gap: Gap) => void): () => void;
  /** Ends it now: what waits is given up, every iterator ends. Resolves after the server's acknowledgement. Never rejects. */
  unsubscribe(): Promise<void>;
  /**
   * Receives nothing more; what waits can still be read, then iteration ends. Resolves after the server's
   * acknowledgement, so it may be awaited inside the loop. Never rejects.
   */
  drain(): Promise<void>;
  [Symbol.asyncIterator](): AsyncIterator<Message<T>, undefined>;
}
