import type { Clock, Timer } from '../core/clock.js';
import { ConnectionError, type Outcome } from '../core/errors.js';
import type { Connection, IncomingMessage, ReplySink, SubscriptionKind, WireCommand } from '../client/driver.js';
import { request, trackingCommand } from '../client/request.js';
import { toBinary, toBuffer, toText } from './binary.js';
import { Waiter } from './blocking.js';
import type { Engine } from './engine.js';
import { serverError, toPortReply } from './port-reply.js';
import type { Subscriber } from './pubsub.js';
import { type EngineReply, ErrorReply } from './reply.js';
import type { Session } from './server.js';
import { Turn } from './turn.js';

/** A command that came while an earlier one waits for its key. */
interface Queued {
  readonly argv: readonly string[];
  readonly sink: ReplySink;
}

interface Blocked {
  readonly waiter: Waiter;
  readonly timer: Timer | undefined;
  readonly sink: ReplySink;
}

export interface ConnectionSettings {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly endpoint: string;
}

/** A connection to the engine: a command runs when it is sent, its reply settles later, in order. */
export class EmbeddedConnection implements Connection, Subscriber {
  readonly #settings: ConnectionSettings;
  readonly #session: Session;
  readonly #turn = new Turn();
  #queued: Queued[] = [];
  #blocked: Blocked | undefined;
  #messages: Parameters<Subscriber['deliver']>[0][] = [];
  #isEnded = false;
  readonly writable = true;
  onMessage: (message: IncomingMessage) => void = () => {};
  onInvalidate: (keys: readonly string[] | undefined) => void = () => {};
  onWritable: () => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
    this.#session = settings.engine.openSession(this);
  }

  get alive(): boolean {
    return !this.#isEnded;
  }

  send(command: WireCommand, sink: ReplySink): void {
    if (this.#isEnded) return sink.reject(this.#lost('not-sent'));
    const argv: string[] = [];
    for (const word of command) argv.push(toBinary(word));
    sink.sent = true;
    if (this.#blocked !== undefined) return void this.#queued.push({ argv, sink });
    const reply = this.#settings.engine.execute(this.#session, argv);
    if (reply instanceof Waiter) this.#wait(reply, sink);
    else if (this.#turn.take()) settle(sink, reply);
    else this.#turn.hold(() => settle(sink, reply));
  }

  #wait(waiter: Waiter, sink: ReplySink): void {
    const { clock, engine } = this.#settings;
    waiter.settle = (reply) => {
      this.#blocked?.timer?.cancel();
      this.#blocked = undefined;
      settle(sink, reply);
      // not now: the command that woke this one is still under way
      queueMicrotask(() => this.#resume());
    };
    const { timeoutMs } = waiter;
    const giveUp = (): void => {
      engine.blocking.remove(waiter);
      waiter.settle(null);
    };
    const timer = timeoutMs === undefined ? undefined : clock.timer(timeoutMs, giveUp);
    engine.blocking.add(waiter);
    this.#blocked = { waiter, timer, sink };
  }

  /** Runs what was sent while a command waited, until the next one that waits. */
  #resume(): void {
    while (this.#blocked === undefined) {
      const next = this.#queued.shift();
      if (next === undefined) return;
      const reply = this.#settings.engine.execute(this.#session, next.argv);
      if (reply instanceof Waiter) this.#wait(reply, next.sink);
      else settle(next.sink, reply);
    }
  }

  async subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    if (this.#isEnded) throw this.#lost('not-sent');
    this.#settings.engine.pubsub.subscribe(kind, toBinary(name), this);
  }

  async unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    if (this.#isEnded) throw this.#lost('not-sent');
    this.#settings.engine.pubsub.unsubscribe(kind, toBinary(name), this);
  }

  async trackInvalidations(prefix: string): Promise<void> {
    await request(this, trackingCommand(prefix));
  }

  invalidate(keys: readonly string[] | null): void {
    if (!this.#isEnded) this.onInvalidate(keys?.map(toText));
  }

  deliver(message: Parameters<Subscriber['deliver']>[0]): void {
    this.#messages.push(message);
    if (this.#messages.length === 1) setImmediate(() => this.#handOver());
  }

  #handOver(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const { kind, name, channel, payload } of messages) {
      if (this.#isEnded) return;
      this.onMessage({ kind, name: toText(name), channel: toText(channel), payload: toBuffer(payload) });
    }
  }

  destroy(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#settings.engine.closeSession(this.#session);
    const unsettled = this.#blocked === undefined ? this.#queued : [this.#blocked, ...this.#queued];
    if (this.#blocked !== undefined) {
      this.#blocked.timer?.cancel();
      this.#settings.engine.blocking.remove(this.#blocked.waiter);
    }
    this.#blocked = undefined;
    this.#queued = [];
    for (const { sink } of unsettled) sink.reject(this.#lost('unknown'));
    this.onEnd(this.#lost('unknown'));
  }

  #lost(outcome: Outcome): ConnectionError {
    const { endpoint } = this.#settings;
    const what =
      outcome === 'unknown' ? 'was closed – the engine may have run the command' : 'is closed, nothing was sent';
    return new ConnectionError(`The connection to ${endpoint} ${what}`, { endpoint, reason: 'closed', outcome });
  }
}

function settle(sink: ReplySink, reply: EngineReply): void {
  if (reply instanceof ErrorReply) sink.reject(serverError(reply, sink.operation));
  else sink.resolve(toPortReply(reply, sink.mode, sink.operation));
}
