import { ignore } from '../core/abort.js';
import { wrong } from '../core/check.js';
import type { IncomingMessage } from '../client/driver.js';
import { Conflated, Fifo } from './buffer.js';
import { PayloadError, SlowConsumerError } from './errors.js';
import type { Message, Overflow, SubscribeOptions } from './message.js';
import type { MessageReader } from './reader.js';

export interface InboxOptions<T> {
  readonly channel: string;
  readonly reader: MessageReader<T>;
  readonly max: number;
  readonly overflow: Overflow<T>;
  readonly onInvalid: NonNullable<SubscribeOptions<T>['onInvalid']>;
  /** The inbox takes nothing more because of this error. */
  readonly onFailed: (error: Error) => void;
  /** For an error that nobody else hears of. */
  readonly report: (error: unknown) => void;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<Message<T>, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The messages of one subscription between arrival and reading.
 *
 * They wait undecoded and are decoded and checked one after another as they are read, so that order survives a schema
 * that answers late, what is dropped costs nothing, and no work is under way that nobody waits for. Only conflation,
 * which needs to see the data, decodes on arrival.
 */
export class Inbox<T> {
  readonly #options: InboxOptions<T>;
  readonly #arrived = new Fifo<IncomingMessage>();
  readonly #conflated = new Conflated<Message<T>>();
  readonly #waiters = new Fifo<Waiter<T>>();
  #reading = false;
  #finished = false;
  #discarded = false;
  #error: Error | undefined;
  #dropped = 0;

  constructor(options: InboxOptions<T>) {
    this.#options = options;
  }

  get pending(): number {
    return this.#arrived.size + this.#conflated.size + (this.#reading && !this.#discarded ? 1 : 0);
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(incoming: IncomingMessage): void {
    if (this.#finished) return;
    const { overflow, max, channel } = this.#options;
    if (typeof overflow === 'object') return this.#conflate(incoming, overflow.conflate);
    if (this.#arrived.size >= max) {
      this.#dropped += 1;
      if (overflow === 'drop-newest') return;
      if (overflow === 'error') return this.#fail(new SlowConsumerError(channel, max));
      this.#arrived.take();
    }
    this.#arrived.add(incoming);
    if (this.#waiters.size > 0) this.#handOut();
  }

  /** The next message; `done` at the end, or once the error that ended it. */
  next(): Promise<IteratorResult<Message<T>, undefined>> {
    if (this.#discarded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#waiters.add({ resolve, reject });
      this.#handOut();
    });
  }

  /** Takes nothing more. What waits can still be read; then comes the end, or the error. */
  finish(error?: Error): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#error = error;
    this.#handOut();
  }

  /** Ends at once: what waits is given up, and so is a message that is still being checked. */
  discard(): void {
    this.#finished = true;
    this.#discarded = true;
    this.#error = undefined;
    this.#arrived.clear();
    this.#conflated.clear();
    this.#tellEnd();
  }

  /** Gives messages to those who wait for one, until either runs out or a message needs time. */
  #handOut(): void {
    while (this.#waiters.size > 0 && !this.#reading) {
      const conflated = this.#conflated.take();
      if (conflated !== undefined) {
        this.#hand(conflated);
        continue;
      }
      const incoming = this.#arrived.take();
      if (incoming === undefined) {
        if (this.#finished) this.#tellEnd();
        return;
      }
      this.#read(incoming);
    }
  }

  #read(incoming: IncomingMessage): void {
    try {
      const message = this.#options.reader.read(incoming);
      if (message instanceof Promise) this.#readLater(message);
      else this.#hand(message);
    } catch (error) {
      this.#refuse(error as PayloadError);
    }
  }

  #readLater(message: Promise<Message<T>>): void {
    this.#reading = true;
    message
      .then(
        (read) => this.#hand(read),
        (error: PayloadError) => this.#refuse(error),
      )
      .then(() => {
        this.#reading = false;
        this.#handOut();
      }, this.#options.report);
  }

  #hand(message: Message<T>): void {
    this.#waiters.take()?.resolve({ value: message, done: false });
  }

  #tellEnd(): void {
    for (let waiter = this.#waiters.take(); waiter !== undefined; waiter = this.#waiters.take()) {
      const error = this.#error;
      this.#error = undefined;
      if (error === undefined) waiter.resolve({ value: undefined, done: true });
      else waiter.reject(error);
    }
  }

  #conflate(incoming: IncomingMessage, keyOf: (data: T) => string): void {
    let message: Message<T> | Promise<Message<T>>;
    let key: string;
    try {
      message = this.#options.reader.read(incoming);
      if (message instanceof Promise) {
        message.catch(ignore);
        throw wrong('subscribe.schema', 'a schema that answers at once, as conflation needs', message);
      }
      key = keyOf(message.data);
    } catch (error) {
      if (error instanceof PayloadError) return this.#refuse(error);
      return this.#fail(error as Error);
    }
    if (this.#conflated.put(key, message)) this.#dropped += 1;
    else if (this.#conflated.size > this.#options.max) {
      this.#conflated.take();
      this.#dropped += 1;
    }
    this.#handOut();
  }

  #refuse(error: PayloadError): void {
    if (this.#discarded) return;
    const { onInvalid, report } = this.#options;
    if (onInvalid === 'skip') return report(error);
    if (onInvalid === 'throw') {
      this.#arrived.clear();
      return this.#fail(error);
    }
    callHandler(onInvalid, error, report);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#finished = true;
    this.#options.onFailed(error);
    if (!this.#reading) this.#handOut();
  }
}

/** Neither what the user's function throws nor what it rejects with later reaches the delivery of messages. */
function callHandler(
  handler: (error: PayloadError) => unknown,
  invalid: PayloadError,
  report: (error: unknown) => void,
): void {
  try {
    const late = handler(invalid);
    if (late instanceof Promise) late.catch(report);
  } catch (thrown) {
    report(thrown);
  }
}
