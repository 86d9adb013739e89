import { jitteredDelay } from '../../core/backoff.js';
import type { Clock, Timer } from '../../core/clock.js';
import { ClosedError, ConnectionError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import type { Connection, IncomingMessage, SubscriptionKind } from '../driver.js';
import { pubSubTraces } from '../tracing.js';
import { Topic, type MessageSink, type SinkHandle, type TopicHost } from './topic.js';

export type { MessageSink, SinkHandle } from './topic.js';

export interface SubscriberOptions {
  /** Opens the connection. Called again after each loss. */
  readonly open: (signal?: AbortSignal) => Promise<Connection>;
  readonly clock: Clock;
  readonly random: Random;
  /** Where failures go that nobody awaits: lost connections, failed attempts, sinks that throw. */
  readonly reportError: (source: string, error: unknown) => void;
  /** A subscribe or unsubscribe that is not acknowledged within this time ends the connection. Default: 5000. */
  readonly ackTimeoutMs?: number | undefined;
}

/** What to listen to: a channel by its name, or all channels that match a glob pattern. */
export interface SubscriptionTarget {
  readonly kind: SubscriptionKind;
  readonly name: string;
}

export interface SubscriberStats {
  /** `idle`: no connection, none needed. `waiting`: lost, the next attempt is planned. */
  readonly state: 'idle' | 'connecting' | 'ready' | 'waiting' | 'closed';
  readonly channels: number;
  readonly patterns: number;
  readonly sinks: number;
  /** Connections that were lost while somebody listened. */
  readonly losses: number;
  /** Messages received since the subscriber was made. */
  readonly messages: number;
}

const RETRY = { baseMs: 50, maxMs: 2_000 } as const;
/** A connection that lived this long was a good one: the next loss begins with the shortest wait again. */
const STABLE_MS = 2_000;
/** How long a connection without subscriptions stays open for the next one. */
const LINGER_MS = 1_000;
const DEFAULT_ACK_TIMEOUT_MS = 5_000;

/**
 * One connection that all subscriptions of a manager share.
 *
 * It is opened with the first subscription and closed shortly after the last. Each name is subscribed at the server
 * once, however many sinks listen. When the connection ends, every sink is told once, a new one is opened after a
 * jittered back-off for as long as somebody listens, and each name is subscribed again by itself, so that one that is
 * forbidden by now fails alone.
 *
 * A subscription that is asked for while there is no connection waits for the attempt that is under way or planned,
 * and is rejected when that attempt fails: nothing waits for longer than one back-off, one connect and one
 * acknowledgement. Not noticed by itself: a connection that is up but silently delivers nothing (`replace`).
 *
 * Cost: 1 round trip per name, for its first sink and after its last; none for those between.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #topics: { readonly channel: Map<string, Topic>; readonly pattern: Map<string, Topic> };
  readonly #host: TopicHost;
  #connection: Connection | undefined;
  #opening: AbortController | undefined;
  #retry: Timer | undefined;
  #linger: Timer | undefined;
  #attempt = 0;
  #openedMs = 0;
  #heardMs = 0;
  #losses = 0;
  #messages = 0;
  #closed = false;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#topics = { channel: new Map(), pattern: new Map() };
    const connection = (): Connection | undefined => this.#connection;
    this.#host = {
      get connection() {
        return connection();
      },
      clock: options.clock,
      ackTimeoutMs: options.ackTimeoutMs ?? DEFAULT_ACK_TIMEOUT_MS,
      abandon: (failed, cause) => this.#lose(failed, cause),
      forget: (topic) => this.#forget(topic),
      report: (error) => this.#report(error),
    };
  }

  /**
   * Adds a sink to a channel or pattern. Resolves after the server's acknowledgement: what is published from then on
   * reaches the sink, until it is told otherwise.
   *
   * @throws ServerError the server refuses the name (`NOPERM`) · ConnectionError, TimeoutError there is no connection ·
   *   ClosedError · `signal.reason`
   */
  subscribe(target: SubscriptionTarget, sink: MessageSink, signal?: AbortSignal): Promise<SinkHandle> {
    if (this.#closed) return Promise.reject(new ClosedError('The subscriber'));
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const topics = this.#topics[target.kind];
    let topic = topics.get(target.name);
    if (topic === undefined) {
      topic = new Topic(target.kind, target.name, this.#host);
      topics.set(target.name, topic);
    }
    const joined = topic.join(sink, signal);
    this.#ensureConnection();
    return joined;
  }

  /** The connection is up and does not deliver: it ends, and is replaced like any that was lost. */
  replace(cause: Error): void {
    if (this.#connection !== undefined) this.#lose(this.#connection, cause);
  }

  stats(): SubscriberStats {
    const { channel, pattern } = this.#topics;
    let sinks = 0;
    for (const topic of this.#all()) sinks += topic.size;
    return {
      state: this.#state(),
      channels: channel.size,
      patterns: pattern.size,
      sinks,
      losses: this.#losses,
      messages: this.#messages,
    };
  }

  /** Ends the connection and everything on it: who waits is rejected, who listens is told, with a `ClosedError`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opening?.abort(new ClosedError('The subscriber'));
    this.#opening = undefined;
    this.#cancelTimers();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    for (const topic of this.#all()) topic.fail(new ClosedError('The subscriber'));
  }

  #state(): SubscriberStats['state'] {
    if (this.#closed) return 'closed';
    if (this.#connection !== undefined) return 'ready';
    if (this.#opening !== undefined) return 'connecting';
    return this.#retry === undefined ? 'idle' : 'waiting';
  }

  #all(): readonly Topic[] {
    return [...this.#topics.channel.values(), ...this.#topics.pattern.values()];
  }

  get #empty(): boolean {
    return this.#topics.channel.size === 0 && this.#topics.pattern.size === 0;
  }

  #ensureConnection(): void {
    this.#linger?.cancel();
    this.#linger = undefined;
    if (this.#state() === 'idle') void this.#open();
  }

  async #open(): Promise<void> {
    const attempt = new AbortController();
    this.#opening = attempt;
    let connection: Connection;
    try {
      connection = await this.#options.open(attempt.signal);
    } catch (error) {
      if (this.#opening === attempt) this.#openFailed(error as Error);
      return;
    }
    if (this.#opening !== attempt) return connection.destroy();
    this.#adopt(connection);
  }

  #openFailed(error: Error): void {
    this.#opening = undefined;
    this.#retryLater();
    for (const topic of this.#all()) topic.lost(error, this.#heardMs);
    // with nobody left who listened, those who waited have been told
    if (!this.#empty) this.#report(error);
  }

  #adopt(connection: Connection): void {
    const { clock } = this.#options;
    this.#opening = undefined;
    this.#connection = connection;
    this.#openedMs = clock.monotonicMs();
    this.#heardMs = clock.wallMs();
    connection.onMessage = (message) => this.#dispatch(message);
    connection.onEnd = (cause) => this.#lose(connection, cause);
    if (!connection.alive) return this.#lose(connection, endedEarly());
    for (const topic of this.#all()) topic.reconcile();
    if (this.#empty) this.#lingerThenClose();
  }

  #dispatch(message: IncomingMessage): void {
    this.#heardMs = this.#options.clock.wallMs();
    this.#messages += 1;
    const topic = this.#topics[message.kind].get(message.name);
    if (!pubSubTraces.hasSubscribers) return topic?.deliver(message);
    const { channel, payload } = message;
    pubSubTraces.traceSync(() => topic?.deliver(message), { kind: 'deliver', channel, bytes: payload.length });
  }

  #lose(connection: Connection, cause: Error): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    connection.destroy();
    if (this.#options.clock.monotonicMs() - this.#openedMs >= STABLE_MS) this.#attempt = 0;
    if (this.#empty) return;
    this.#losses += 1;
    this.#report(cause);
    // planned before anybody is told: a sink that subscribes anew must not jump the back-off
    this.#retryLater();
    for (const topic of this.#all()) topic.lost(cause, this.#heardMs);
  }

  #retryLater(): void {
    if (this.#empty) return;
    const delayMs = jitteredDelay(this.#attempt, RETRY, this.#options.random);
    this.#attempt += 1;
    this.#retry = this.#options.clock.timer(delayMs, () => {
      this.#retry = undefined;
      void this.#open();
    });
  }

  #forget(topic: Topic): void {
    this.#topics[topic.kind].delete(topic.name);
    if (!this.#empty) return;
    this.#cancelTimers();
    if (this.#connection !== undefined) this.#lingerThenClose();
  }

  #lingerThenClose(): void {
    this.#linger = this.#options.clock.backgroundTimer(LINGER_MS, () => {
      const connection = this.#connection;
      this.#connection = undefined;
      connection?.destroy();
    });
  }

  #cancelTimers(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#linger?.cancel();
    this.#linger = undefined;
  }

  #report(error: unknown): void {
    this.#options.reportError('subscriber', error);
  }
}

function endedEarly(): ConnectionError {
  return new ConnectionError('The subscriber connection ended as soon as it was open', {
    endpoint: '',
    reason: 'lost',
    outcome: 'not-sent',
  });
}
