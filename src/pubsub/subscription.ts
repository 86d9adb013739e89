import type { IncomingMessage } from '../client/driver.js';
import type { MessageSink, SinkHandle } from '../client/subscriptions/subscriber.js';
import type { Clock } from '../core/clock.js';
import { Emitter } from '../core/emitter.js';
import { Inbox } from './inbox.js';
import type { Gap, Message, Subscription } from './message.js';
import type { InboxSettings } from './options.js';
import { MessageReader, type ReaderOptions } from './reader.js';

export interface LiveSubscriptionOptions<T> {
  readonly channel: string;
  readonly reading: ReaderOptions<T>;
  readonly settings: InboxSettings<T>;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly report: (error: unknown) => void;
  /** It receives nothing more. */
  readonly onStopped: (subscription: LiveSubscription<T>) => void;
}

/**
 * A subscription between the shared subscriber, which it is a sink of, and its reader. It exists before the server has
 * acknowledged it, so that no message is missed, and is handed out afterwards.
 */
export class LiveSubscription<T> implements Subscription<T> {
  readonly channel: string;
  readonly closed: Promise<Error | undefined>;
  /** @internal */ readonly sink: MessageSink;
  readonly #options: LiveSubscriptionOptions<T>;
  readonly #reader: MessageReader<T>;
  readonly #inbox: Inbox<T>;
  readonly #events = new Emitter<{ gap: Gap }>();
  readonly #onAbort = (): void => void this.unsubscribe();
  #handle: SinkHandle | undefined;
  #lostSinceMs: number | undefined;
  #stopped = false;
  #resolveClosed: (error: Error | undefined) => void = () => {};

  constructor(options: LiveSubscriptionOptions<T>) {
    this.#options = options;
    this.channel = options.channel;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const { max, overflow, onInvalid, ignoreSelf } = options.settings;
    this.#reader = new MessageReader(options.reading);
    this.#inbox = new Inbox({
      channel: options.channel,
      reader: this.#reader,
      max,
      overflow,
      onInvalid,
      onFailed: (error) => void this.#stop(error),
      report: options.report,
    });
    this.sink = {
      onMessage: ignoreSelf ? (message) => this.#receiveForeign(message) : (message) => this.#inbox.push(message),
      onLost: (_cause, heardMs) => void (this.#lostSinceMs ??= heardMs),
      onRestored: () => this.#restored(),
      onFailed: (error) => this.#failed(error),
    };
  }

  /** @internal True once nothing more will be received. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** @internal The server has acknowledged it. */
  attach(handle: SinkHandle): void {
    this.#handle = handle;
    if (this.#stopped) return void handle.release();
    const { signal } = this.#options;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get pending(): number {
    return this.#inbox.pending;
  }

  get dropped(): number {
    return this.#inbox.dropped;
  }

  onGap(fn: (gap: Gap) => void): () => void {
    return this.#events.on('gap', fn);
  }

  async unsubscribe(): Promise<void> {
    this.#inbox.discard();
    await this.#stop(undefined);
  }

  async drain(): Promise<void> {
    this.#inbox.finish();
    await this.#stop(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }

  /** No async generator: the `return` of one waits for a `next` that may never come. */
  [Symbol.asyncIterator](): AsyncIterator<Message<T>, undefined> {
    return {
      next: () => this.#inbox.next(),
      return: async () => {
        await this.unsubscribe();
        return { value: undefined, done: true };
      },
    };
  }

  #receiveForeign(message: IncomingMessage): void {
    if (!this.#reader.isOwn(message)) this.#inbox.push(message);
  }

  #restored(): void {
    const sinceMs = this.#lostSinceMs;
    this.#lostSinceMs = undefined;
    if (sinceMs === undefined) return;
    this.#events.emit('gap', { cause: 'connection-lost', sinceMs, untilMs: this.#options.clock.wallMs() });
  }

  #failed(error: Error): void {
    this.#inbox.finish(error);
    void this.#stop(error);
  }

  /** Gives the hold on the channel back. Never rejects. */
  async #stop(error: Error | undefined): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#options.signal?.removeEventListener('abort', this.#onAbort);
      this.#options.onStopped(this);
      this.#resolveClosed(error);
    }
    await this.#handle?.release();
  }
}
