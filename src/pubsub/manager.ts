import { createCodec } from '../codec/index.js';
import type { SubscriptionKind } from '../client/driver.js';
import type { RedisManager } from '../client/manager.js';
import { pubSubTraces, traced } from '../client/tracing.js';
import { checkText } from '../core/check.js';
import { ClosedError } from '../core/errors.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { Channel } from './channel.js';
import { MessageFormat } from './format.js';
import type { SubscribeOptions, Subscription } from './message.js';
import {
  checkPublishOptions,
  checkPubSubOptions,
  checkSubscribeOptions,
  type AnyChannels,
  type PublishOptions,
  type PubSubOptions,
} from './options.js';
import { Publisher } from './publisher.js';
import { LiveSubscription } from './subscription.js';

/** The names of a typed map of channels; nothing when any name goes. */
type NameIn<M> = string extends keyof M ? never : Extract<keyof M, string>;
/** Any name, unless the manager has a typed map. */
type FreeName<M> = string extends keyof M ? string : never;

export interface PublishResult {
  /**
   * How many subscribers the server handed it to. One process counts once per channel and once per matching pattern,
   * however many subscriptions it has. Absent in a cluster, where a node counts only those that are connected to it.
   */
  readonly receivers?: number;
}

/**
 * Messages between processes by Redis pub/sub, typed and checked on both sides.
 *
 * Delivery: at most once. A subscriber gets what is published while its subscription stands, in the order in which the
 * server took it; what one `PubSubManager` publishes to one channel keeps the order of the calls, through schemas that
 * answer late. Nothing is stored: who is not connected misses it, and hears of it by `Subscription.onGap`.
 *
 * Each has an identity of its own, 8 random bytes, which its messages carry.
 */
export class PubSubManager<M = AnyChannels> implements AsyncDisposable {
  /** This publisher's identity, as `Message.publisher` shows it. */
  readonly publisher: string;
  readonly #manager: RedisManager;
  readonly #prefix: string;
  readonly #schemas: ReadonlyMap<string, StandardSchemaV1>;
  readonly #format: MessageFormat;
  readonly #publisher: Publisher;
  readonly #subscriptions = new Set<{ unsubscribe(): Promise<void> }>();
  readonly #forgetCloseHook: () => void;
  #closed = false;

  /**
   * Sends nothing.
   * @throws ConfigError `RU_CONFIG` for an option that cannot be used, and for a manager whose client sends again what may
   *   have run (`capabilities`): a message could arrive twice
   */
  constructor(manager: RedisManager, options: PubSubOptions<M> = {}) {
    checkPubSubOptions(options);
    manager.requireAtMostOnce('PubSubManager');
    this.#manager = manager;
    this.#prefix = options.prefix ?? '';
    this.#schemas = new Map(Object.entries((options.channels ?? {}) as Readonly<Record<string, StandardSchemaV1>>));
    const codec = options.codec ?? manager.config.codec ?? {};
    const framed = codec.envelope !== false;
    const publisher = manager.random.bytes(8);
    this.publisher = publisher.toString('base64url');
    this.#format = new MessageFormat({
      codec: createCodec({ ...codec, foreign: options.foreign ?? codec.foreign ?? (framed ? 'json' : undefined) }),
      framed,
      publisher,
      clock: manager.clock,
    });
    this.#publisher = new Publisher({
      format: this.#format,
      prefix: this.#prefix,
      send: (channel, payload, sendOptions) => {
        const send = (): Promise<number> => manager.command<number>(['PUBLISH', channel, payload], sendOptions);
        if (!pubSubTraces.hasSubscribers) return send();
        return traced(pubSubTraces, { kind: 'publish', channel, bytes: payload.length }, send);
      },
    });
    this.#forgetCloseHook = manager.onClose(() => this.close());
  }

  /**
   * Publishes a message. With a schema, what is sent is the schema's output.
   *
   * @returns how many subscribers the server handed it to, where that is known; 0 is no error
   * @throws PayloadError `RU_PAYLOAD` it does not match the schema · SerializationError the codec cannot carry it: not
   *   sent · ServerError `NOPERM` · ConnectionError, TimeoutError with `outcome` · ClosedError · `signal.reason`
   * Cost: 1 round trip.
   */
  publish<C extends NameIn<M>>(channel: C, message: M[C], options?: PublishOptions): Promise<PublishResult>;
  publish<T>(channel: FreeName<M> | Channel<T>, message: T, options?: PublishOptions): Promise<PublishResult>;
  async publish<T>(channel: string | Channel<T>, message: T, options?: PublishOptions): Promise<PublishResult> {
    this.#assertOpen();
    checkPublishOptions(options);
    const receivers = await this.#publisher.publish(this.#target(channel), message, options);
    return this.#manager.slotOf === undefined ? { receivers } : {};
  }

  /**
   * Subscribes to a channel. Resolves after the server's acknowledgement: what is published from then on arrives.
   *
   * @throws ServerError `NOPERM` the channel is forbidden · ConnectionError, TimeoutError · ClosedError · ConfigError ·
   *   `signal.reason`
   * Cost: 1 round trip for the first subscription of a channel in this process, none for further ones.
   */
  subscribe<C extends NameIn<M>>(channel: C, options?: SubscribeOptions<M[C]>): Promise<Subscription<M[C]>>;
  subscribe<T = unknown>(channel: FreeName<M> | Channel<T>, options?: SubscribeOptions<T>): Promise<Subscription<T>>;
  async subscribe<T>(channel: string | Channel<T>, options?: SubscribeOptions<T>): Promise<Subscription<T>> {
    const { name, schema } = this.#target(channel);
    return this.#open({ kind: 'channel', name, schema: options?.schema ?? schema }, options);
  }

  /**
   * Subscribes to all channels that match a glob pattern (`*`, `?`, `[abc]`, `\` before a literal one of these). Only
   * the schema given here is used. A process that subscribes to a channel and to a pattern that matches it gets a
   * message once through each. Errors and cost as for `subscribe`.
   */
  async psubscribe<T = unknown>(pattern: string, options?: SubscribeOptions<T>): Promise<Subscription<T>> {
    const name = checkText('psubscribe.pattern', pattern);
    return this.#open({ kind: 'pattern', name, schema: options?.schema }, options);
  }

  /**
   * Ends all subscriptions as `unsubscribe` does; what is called later is refused with a `ClosedError`. The manager
   * stays open, and calls this itself when it closes.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#forgetCloseHook();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.unsubscribe()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open<T>(
    target: {
      readonly kind: SubscriptionKind;
      readonly name: string;
      readonly schema: StandardSchemaV1<unknown, T> | undefined;
    },
    options: SubscribeOptions<T> = {},
  ): Promise<Subscription<T>> {
    this.#assertOpen();
    const { kind, name, schema } = target;
    const isPattern = kind === 'pattern';
    const subscription = new LiveSubscription<T>({
      channel: name,
      reading: {
        format: this.#format,
        schema,
        prefixLength: this.#prefix.length,
        pattern: isPattern ? name : undefined,
      },
      settings: checkSubscribeOptions(options),
      signal: options.signal,
      clock: this.#manager.clock,
      report: (error) => this.#manager.reportError('pubsub', error),
      onStopped: (stopped) => void this.#subscriptions.delete(stopped),
    });
    this.#subscriptions.add(subscription);
    const full = (isPattern ? literally(this.#prefix) : this.#prefix) + name;
    try {
      subscription.attach(
        await this.#manager.subscriber.subscribe({ kind, name: full }, subscription.sink, options.signal),
      );
    } catch (error) {
      await subscription.unsubscribe();
      throw error;
    }
    this.#assertOpen();
    return subscription;
  }

  #target<T>(channel: string | Channel<T>): {
    readonly name: string;
    readonly schema: StandardSchemaV1<unknown, T> | undefined;
  } {
    if (typeof channel === 'object' && channel !== null) {
      checkText('channel.name', channel.name);
      return channel;
    }
    const name = checkText('channel', channel);
    return { name, schema: this.#schemas.get(name) as StandardSchemaV1<unknown, T> | undefined };
  }

  #assertOpen(): void {
    if (this.#closed) throw new ClosedError('The PubSubManager', this.#manager.endpoint);
  }
}

/** The text as a glob pattern that matches only itself. */
function literally(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
