import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.js';
import { Waiter } from '../../embedded/blocking.js';
import type { Engine } from '../../embedded/engine.js';
import type { Subscriber } from '../../embedded/pubsub.js';
import { type EngineReply, ErrorReply, OK, Status } from '../../embedded/reply.js';
import type { Session } from '../../embedded/server.js';
import { type Gate, Handshake } from './handshake.js';
import { encodeNullArray, encodePush, encodeReply } from './reply-encoder.js';
import { RequestParser } from './request-parser.js';
import { Subscriptions } from './subscriptions.js';

export interface ClientConnectionParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly gate: Gate;
}

/** A client that takes no more of what it gets is cut off, as servers do with subscribers. */
const MAX_UNSENT_BYTES = 32 * 1_048_576;
const SUBSCRIBER_COMMANDS = /^(P?(UN)?SUBSCRIBE|PING|QUIT|RESET)$/;

/** One client of the listener: its commands in order, its replies in the version of the protocol that it asked for. */
export class ClientConnection implements Subscriber {
  readonly #socket: Socket;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #session: Session;
  readonly #handshake: Handshake;
  readonly #subscriptions: Subscriptions;
  readonly #parser = new RequestParser();
  #blocked: { readonly waiter: Waiter; readonly timer: Timer | undefined } | undefined;
  #isEnding = false;
  /** While a command of this connection runs, what it publishes to itself waits for its reply. */
  #isRunning = false;
  #pushes = '';

  constructor(socket: Socket, { engine, clock, gate }: ClientConnectionParts) {
    this.#socket = socket;
    this.#engine = engine;
    this.#clock = clock;
    this.#session = engine.openSession(this);
    this.#handshake = new Handshake(gate);
    this.#subscriptions = new Subscriptions(engine.pubsub, this);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#parser.push(bytes);
      this.#work();
    });
    // a client that goes away in the middle is nothing to report
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#close());
  }

  deliver({ kind, name, channel, payload }: Parameters<Subscriber['deliver']>[0]): void {
    const items = kind === 'channel' ? ['message', channel, payload] : ['pmessage', name, channel, payload];
    const push = encodePush(items, this.#handshake.protocol);
    if (this.#isRunning) this.#pushes += push;
    else this.#write(push);
  }

  /** RESP2 has no pushes: there, as on a server, only another connection could be told. */
  invalidate(keys: readonly string[] | null): void {
    if (this.#handshake.protocol === 3) this.#write(encodePush(['invalidate', keys], 3));
  }

  /** Resets the connection. */
  destroy(): void {
    // a unix socket knows no reset
    if (this.#socket.remoteAddress === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** Runs what has come, until a command waits or an end is due. What is written meanwhile goes out as one. */
  #work(): void {
    this.#socket.cork();
    try {
      while (this.#blocked === undefined && !this.#isEnding) {
        const argv = this.#parser.next();
        if (argv === undefined) break;
        this.#run(argv);
      }
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      this.#isEnding = true;
      this.#write(encodeReply(error, this.#handshake.protocol));
    }
    this.#socket.uncork();
    if (this.#isEnding) this.#socket.end();
  }

  #run(argv: readonly string[]): void {
    this.#isRunning = true;
    try {
      this.#answer(argv);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      this.#reply(argv, error);
    }
    this.#isRunning = false;
    if (this.#pushes === '') return;
    this.#write(this.#pushes);
    this.#pushes = '';
  }

  #answer(argv: readonly string[]): void {
    const name = (argv[0] as string).toUpperCase();
    this.#handshake.admit(name);
    this.#refuseAsSubscriber(name);
    switch (name) {
      case 'AUTH':
        return this.#reply(argv, this.#handshake.auth(argv));
      case 'HELLO':
        return this.#reply(
          argv,
          this.#handshake.hello(argv, (words) => this.#execute(words) as EngineReply),
        );
      case 'QUIT':
        this.#isEnding = true;
        return this.#reply(argv, OK);
      case 'RESET':
        return this.#reset(argv);
    }
    const subscribed = this.#session.queue === undefined ? this.#subscriptions.run(argv) : undefined;
    if (subscribed === undefined) return this.#answerByEngine(name, argv);
    for (const items of subscribed) this.#write(encodePush(items, this.#handshake.protocol));
  }

  #answerByEngine(name: string, argv: readonly string[]): void {
    if (name === 'PING' && this.#handshake.protocol === 2 && this.#subscriptions.count > 0) {
      return this.#reply(argv, ['pong', argv[1] ?? '']);
    }
    const reply = this.#execute(argv);
    if (reply instanceof Waiter) this.#wait(reply, argv);
    else this.#reply(argv, reply);
  }

  #refuseAsSubscriber(name: string): void {
    if (this.#handshake.protocol === 3 || this.#subscriptions.count === 0 || SUBSCRIBER_COMMANDS.test(name)) return;
    const allowed = '(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET';
    throw new ErrorReply(`ERR Can't execute '${name.toLowerCase()}': only ${allowed} are allowed in this context`);
  }

  #execute(argv: readonly string[]): EngineReply | Waiter {
    return this.#engine.execute(this.#session, argv);
  }

  #reset(argv: readonly string[]): void {
    const reply = this.#execute(argv);
    this.#subscriptions.forget();
    this.#handshake.restart();
    this.#reply(argv, reply instanceof Waiter ? new Status('RESET') : reply);
  }

  #wait(waiter: Waiter, argv: readonly string[]): void {
    waiter.settle = (reply) => {
      this.#blocked?.timer?.cancel();
      this.#blocked = undefined;
      this.#reply(argv, reply);
      // not now: the command that woke this one is still under way
      queueMicrotask(() => this.#work());
    };
    const giveUp = (): void => {
      this.#engine.blocking.remove(waiter);
      waiter.settle(null);
    };
    const timer = waiter.timeoutMs === undefined ? undefined : this.#clock.timer(waiter.timeoutMs, giveUp);
    this.#engine.blocking.add(waiter);
    this.#blocked = { waiter, timer };
  }

  #reply(argv: readonly string[], reply: EngineReply): void {
    const { protocol } = this.#handshake;
    this.#write(reply === null && isListCommand(argv) ? encodeNullArray(protocol) : encodeReply(reply, protocol));
  }

  #write(text: string): void {
    if (!this.#socket.writable) return;
    this.#socket.write(text, 'latin1');
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.destroy();
  }

  #close(): void {
    this.#isEnding = true;
    this.#blocked?.timer?.cancel();
    if (this.#blocked !== undefined) this.#engine.blocking.remove(this.#blocked.waiter);
    this.#blocked = undefined;
    this.#engine.closeSession(this.#session);
  }
}

/** Whether a command without a result has no list, where others have no string. */
function isListCommand(argv: readonly string[]): boolean {
  const name = (argv[0] as string).toUpperCase();
  if (name === 'LPOP' || name === 'RPOP') return argv.length > 2;
  return name === 'EXEC' || name === 'BLPOP' || name === 'BRPOP';
}
