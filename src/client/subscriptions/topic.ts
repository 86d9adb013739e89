import type { Clock, Timer } from '../../core/clock.js';
import { ServerError, TimeoutError } from '../../core/errors.js';
import { untilAborted } from '../../core/abort.js';
import type { Connection, IncomingMessage, SubscriptionKind } from '../driver.js';

/** Whoever receives the messages of one channel or pattern. What a method throws is reported and harms nobody else. */
export interface MessageSink {
  /** A message, in the order of the connection. It may arrive before the promise of `subscribe` has resolved. */
  onMessage(message: IncomingMessage): void;
  /**
   * The connection ended; reconnecting has begun. Told once per loss. Messages published after `heardMs` (wall clock:
   * the last sign of life of the connection) and before `onRestored` may be missing.
   */
  onLost(cause: Error, heardMs: number): void;
  /** The server has acknowledged the subscription on a new connection. */
  onRestored(): void;
  /** The subscription is over: the server refuses it, or the subscriber was closed. Nothing is called after this. */
  onFailed(error: Error): void;
}

/** One sink's hold on a subscription. */
export interface SinkHandle {
  /**
   * Gives the hold back; the sink is not called any more. Resolves when the server has acknowledged the end of the
   * subscription, or at once when others hold it too or there is no connection. Never rejects; may be repeated.
   */
  release(): Promise<void>;
}

/** What a topic needs from the subscriber that owns it. */
export interface TopicHost {
  readonly connection: Connection | undefined;
  readonly clock: Clock;
  readonly ackTimeoutMs: number;
  /** The connection failed or is of no use: replace it. */
  abandon(connection: Connection, cause: Error): void;
  /** Nobody holds the topic and the server does not know it: drop it. */
  forget(topic: Topic): void;
  report(error: unknown): void;
}

interface Member {
  readonly sink: MessageSink;
  state: 'waiting' | 'live' | 'lost' | 'gone';
  resolve: () => void;
  reject: (error: Error) => void;
}

type Phase = 'off' | 'subscribing' | 'on' | 'unsubscribing';

/** Refusals that speak of the server's condition and not of this subscription. */
const PASSING: ReadonlySet<string> = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN']);

/**
 * One channel or pattern, and everybody who listens to it.
 *
 * What is wanted (somebody listens) is compared with what the server knows, and at most one command is under way to
 * make them agree; when it is answered, they are compared again. So any interleaving of joining and leaving ends in
 * agreement, and a thousand changes within one round trip cost at most two commands.
 */
export class Topic {
  readonly kind: SubscriptionKind;
  readonly name: string;
  readonly #host: TopicHost;
  /** Replaced, never changed, so that a message reaches those who listened when it came. */
  #members: readonly Member[] = [];
  #phase: Phase = 'off';
  /** Rises whenever a command ends in any way; an answer to an earlier turn is void. */
  #turn = 0;
  #deadline: Timer | undefined;
  #resting: (() => void)[] = [];

  constructor(kind: SubscriptionKind, name: string, host: TopicHost) {
    this.kind = kind;
    this.name = name;
    this.#host = host;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Resolves after the server's acknowledgement. Rejects when the server refuses, the connection ends or `signal` aborts. */
  join(sink: MessageSink, signal: AbortSignal | undefined): Promise<SinkHandle> {
    const member: Member = { sink, state: 'waiting', resolve: nothing, reject: nothing };
    const handle: SinkHandle = { release: () => this.#leave(member) };
    this.#members = [...this.#members, member];
    if (this.#phase === 'on') {
      member.state = 'live';
      return Promise.resolve(handle);
    }
    const joined = new Promise<SinkHandle>((resolve, reject) => {
      member.resolve = () => resolve(handle);
      member.reject = reject;
    });
    this.reconcile();
    if (signal === undefined) return joined;
    return untilAborted(joined, signal).catch((error: unknown) => {
      void this.#leave(member);
      throw error;
    });
  }

  /** Makes the server agree with what is wanted, one command at a time. */
  reconcile(): void {
    if (this.#phase === 'subscribing' || this.#phase === 'unsubscribing') return;
    const connection = this.#host.connection;
    const wanted = this.#members.length > 0;
    if (connection !== undefined && wanted && this.#phase === 'off') return this.#subscribe(connection);
    if (connection !== undefined && !wanted && this.#phase === 'on') return this.#unsubscribe(connection);
    for (const resolve of this.#resting.splice(0)) resolve();
    if (!wanted) this.#host.forget(this);
  }

  deliver(message: IncomingMessage): void {
    // the acknowledgement came just before this message; its promise has not been heard yet
    if (this.#phase === 'subscribing') this.#acknowledged();
    // while unsubscribing, whoever listens came after the command and begins with the next acknowledgement
    if (this.#phase !== 'on') return;
    for (const member of this.#members) {
      if (member.state !== 'live') continue;
      try {
        member.sink.onMessage(message);
      } catch (error) {
        this.#host.report(error);
      }
    }
  }

  /** The connection ended or could not be made: those who wait are refused, those who listened are told once. */
  lost(cause: Error, heardMs: number): void {
    this.#enter('off');
    const members = this.#members;
    this.#members = members.filter((member) => member.state !== 'waiting');
    for (const member of members) {
      if (member.state === 'waiting') {
        member.state = 'gone';
        member.reject(cause);
      } else if (member.state === 'live') {
        member.state = 'lost';
        this.#tell(() => member.sink.onLost(cause, heardMs));
      }
    }
    this.reconcile();
  }

  /** Ends it for all who wait or listen. */
  fail(error: Error): void {
    this.#enter('off');
    const members = this.#members;
    this.#members = [];
    for (const member of members) {
      const { state } = member;
      if (state === 'gone') continue;
      member.state = 'gone';
      if (state === 'waiting') member.reject(error);
      else this.#tell(() => member.sink.onFailed(error));
    }
    this.reconcile();
  }

  #leave(member: Member): Promise<void> {
    if (member.state !== 'gone') {
      member.state = 'gone';
      this.#members = this.#members.filter((other) => other !== member);
      this.reconcile();
    }
    if (this.#members.length > 0 || this.#phase === 'off') return Promise.resolve();
    return new Promise((resolve) => this.#resting.push(resolve));
  }

  #subscribe(connection: Connection): void {
    const turn = this.#begin(connection, 'subscribing');
    connection.subscribe(this.kind, this.name).then(
      () => {
        if (turn === this.#turn) this.#acknowledged();
      },
      (error: Error) => {
        if (turn === this.#turn) this.#refused(connection, error);
      },
    );
  }

  #acknowledged(): void {
    this.#enter('on');
    for (const member of this.#members) {
      if (member.state === 'waiting') {
        member.state = 'live';
        member.resolve();
      } else if (member.state === 'lost') {
        member.state = 'live';
        this.#tell(() => member.sink.onRestored());
      }
    }
    this.reconcile();
  }

  #refused(connection: Connection, error: Error): void {
    if (!(error instanceof ServerError)) return this.#host.abandon(connection, error);
    const restoring = this.#members.some((member) => member.state === 'lost');
    if (restoring && PASSING.has(error.replyCode)) return this.#host.abandon(connection, error);
    this.fail(error);
  }

  #unsubscribe(connection: Connection): void {
    const turn = this.#begin(connection, 'unsubscribing');
    const ended = (): void => {
      this.#enter('off');
      this.reconcile();
    };
    connection.unsubscribe(this.kind, this.name).then(
      () => {
        if (turn === this.#turn) ended();
      },
      (error: Error) => {
        if (turn !== this.#turn) return;
        if (!(error instanceof ServerError)) return this.#host.abandon(connection, error);
        // the server keeps sending what nobody listens to until the connection closes
        this.#host.report(error);
        ended();
      },
    );
  }

  #begin(connection: Connection, phase: 'subscribing' | 'unsubscribing'): number {
    this.#phase = phase;
    const { clock, ackTimeoutMs } = this.#host;
    this.#deadline = clock.timer(ackTimeoutMs, () => {
      const command = phase === 'subscribing' ? 'Subscribing' : 'Unsubscribing';
      this.#host.abandon(connection, new TimeoutError(command, ackTimeoutMs));
    });
    return this.#turn;
  }

  #enter(phase: 'on' | 'off'): void {
    this.#phase = phase;
    this.#turn += 1;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#host.report(error);
    }
  }
}

function nothing(): void {}
