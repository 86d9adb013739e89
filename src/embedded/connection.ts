import type { Clock, Timer } from '../core/clock.js';
import { ConnectionError, type Outcome } from '../core/errors.js';
import { commandName } from '../client/command.js';
import type { Connection, IncomingMessage, Reply, ReplyMode, SubscriptionKind, WireCommand } from '../client/driver.js';
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
  readonly settle: (reply: EngineReply) => void;
  readonly reject: (error: Error) => void;
}

type Blocked = Omit<Queued, 'argv'> & { readonly waiter: Waiter; readonly timer: Timer | undefined };

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
  onMessage: (message: IncomingMessage) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
    this.#session = settings.engine.openSession(this);
  }

  get alive(): boolean {
    return !this.#isEnded;
  }

  send(command: WireCommand, mode: ReplyMode): Promise<Reply> {
    if (this.#isEnded) return Promise.reject(this.#lost('not-sent'));
    const argv: string[] = [];
    for (const word of command) argv.push(toBinary(word));
    if (this.#blocked !== undefined) return this.#enqueue(argv, command, mode);
    const reply = this.#settings.engine.execute(this.#session, argv);
    if (reply instanceof Waiter) return this.#block(reply, command, mode);
    return this.#settleSoon(reply, command, mode);
  }

  #settleSoon(reply: EngineReply, command: WireCommand, mode: ReplyMode): Promise<Reply> {
    const isError = reply instanceof ErrorReply;
    const result = isError ? serverError(reply, commandName(command)) : toPortReply(reply, mode, commandName(command));
    if (this.#turn.take()) return isError ? Promise.reject(result) : Promise.resolve(result);
    return new Promise((resolve, reject) => {
      this.#turn.hold(() => (isError ? reject(result) : resolve(result)));
    });
  }

  #enqueue(argv: readonly string[], command: WireCommand, mode: ReplyMode): Promise<Reply> {
    return this.#later(command, mode, (settle, reject) => this.#queued.push({ argv, settle, reject }));
  }

  #block(waiter: Waiter, command: WireCommand, mode: ReplyMode): Promise<Reply> {
    return this.#later(command, mode, (settle, reject) => this.#wait({ waiter, settle, reject }));
  }

  #later(
    command: WireCommand,
    mode: ReplyMode,
    start: (settle: Queued['settle'], reject: Queued['reject']) => unknown,
  ): Promise<Reply> {
    const name = commandName(command);
    return new Promise((resolve, reject) => {
      start((reply) => {
        if (reply instanceof ErrorReply) reject(serverError(reply, name));
        else resolve(toPortReply(reply, mode, name));
      }, reject);
    });
  }

  #wait({ waiter, settle, reject }: Omit<Blocked, 'timer'>): void {
    const { clock, engine } = this.#settings;
    waiter.settle = (reply) => {
      this.#blocked?.timer?.cancel();
      this.#blocked = undefined;
      settle(reply);
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
    this.#blocked = { waiter, settle, reject, timer };
  }

  /** Runs what was sent while a command waited, until the next one that waits. */
  #resume(): void {
    while (this.#blocked === undefined) {
      const next = this.#queued.shift();
      if (next === undefined) return;
      const reply = this.#settings.engine.execute(this.#session, next.argv);
      if (reply instanceof Waiter) this.#wait({ waiter: reply, settle: next.settle, reject: next.reject });
      else next.settle(reply);
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
    for (const { reject } of unsettled) reject(this.#lost('unknown'));
    this.onEnd(this.#lost('unknown'));
  }

  #lost(outcome: Outcome): ConnectionError {
    const { endpoint } = this.#settings;
    const what =
      outcome === 'unknown' ? 'was closed – the engine may have run the command' : 'is closed, nothing was sent';
    return new ConnectionError(`The connection to ${endpoint} ${what}`, { endpoint, reason: 'closed', outcome });
  }
}
