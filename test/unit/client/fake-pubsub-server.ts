import type {
  Connection,
  IncomingMessage,
  ReplySink,
  SubscriptionKind,
  WireCommand,
} from '../../../src/client/driver.js';
import { ConnectionError, ServerError } from '../../../src/core/errors.js';

interface Asked {
  readonly verb: 'subscribe' | 'unsubscribe';
  readonly kind: SubscriptionKind;
  readonly name: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export function lost(): ConnectionError {
  return new ConnectionError('lost', { endpoint: 'fake', reason: 'lost', outcome: 'unknown' });
}

/** A server that answers one command at a time, when told, and knows who is subscribed to what. */
export class FakeServer {
  /** Names that it refuses. */
  readonly forbidden = new Map<string, string>();
  readonly opened: FakeConnection[] = [];
  /** While true, connections are refused. */
  down = false;
  /** While true, commands are answered as they come. */
  automatic = true;
  opens = 0;

  readonly open = async (): Promise<Connection> => {
    this.opens += 1;
    await Promise.resolve();
    if (this.down) throw lost();
    const connection = new FakeConnection(this);
    this.opened.push(connection);
    return connection;
  };

  get connection(): FakeConnection | undefined {
    return this.opened.findLast((connection) => connection.alive);
  }

  /** Names subscribed to, on the living connections. */
  subscribed(kind: SubscriptionKind): string[] {
    return this.opened.flatMap((connection) => [...connection.names[kind]]).toSorted();
  }

  /** Answers the oldest `count` commands. */
  answer(count = 1): void {
    for (let answered = 0; answered < count; answered += 1) this.connection?.answer();
  }

  publish(name: string, text = 'x'): void {
    const connection = this.connection;
    if (connection?.names.channel.has(name) !== true) return;
    connection.onMessage({ kind: 'channel', name, channel: name, payload: Buffer.from(text) });
  }

  kill(): void {
    this.connection?.end(lost());
  }
}

export class FakeConnection implements Connection {
  readonly names = { channel: new Set<string>(), pattern: new Set<string>() };
  readonly asked: Asked[] = [];
  /** All commands ever sent. */
  readonly log: string[] = [];
  readonly #server: FakeServer;
  alive = true;
  onMessage: (message: IncomingMessage) => void = () => {};
  readonly writable = true;
  onWritable: () => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(server: FakeServer) {
    this.#server = server;
  }

  send(_command: WireCommand, sink: ReplySink): void {
    sink.reject(new Error('not used'));
  }

  subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    return this.#ask('subscribe', kind, name);
  }

  unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    return this.#ask('unsubscribe', kind, name);
  }

  #ask(verb: Asked['verb'], kind: SubscriptionKind, name: string): Promise<void> {
    if (!this.alive) return Promise.reject(lost());
    this.log.push(`${verb} ${name}`);
    const answered = new Promise<void>((resolve, reject) => {
      this.asked.push({ verb, kind, name, resolve, reject });
    });
    if (this.#server.automatic) this.answer();
    return answered;
  }

  answer(): void {
    const asked = this.asked.shift();
    if (asked === undefined) return;
    const refusal = this.#server.forbidden.get(asked.name);
    if (asked.verb === 'unsubscribe') this.names[asked.kind].delete(asked.name);
    else if (refusal !== undefined) return asked.reject(new ServerError(`${refusal} refused`, 'SUBSCRIBE'));
    else this.names[asked.kind].add(asked.name);
    asked.resolve();
  }

  end(cause: Error): void {
    if (!this.alive) return;
    this.alive = false;
    for (const asked of this.asked.splice(0)) asked.reject(cause);
    this.names.channel.clear();
    this.names.pattern.clear();
    this.onEnd(cause);
  }

  destroy(): void {
    this.end(lost());
  }
}
