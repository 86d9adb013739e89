import type { Connection, Driver, OpenHint, ReplySink, WireCommand } from '../../../../src/client/driver.js';
import { ConnectionError, type ServerError } from '../../../../src/core/errors.js';

export function lost(): ConnectionError {
  return new ConnectionError('lost', { endpoint: 'fake', reason: 'lost', outcome: 'unknown' });
}

/** One or several servers, of which each answers when it is told to, and tells of changes. */
export class FakeTrackingServer implements Pick<Driver, 'open' | 'primaries' | 'onPrimaries' | 'suspect'> {
  readonly opened: FakeTrackingConnection[] = [];
  /** Attempts, those included that were refused. */
  opens = 0;
  suspicions = 0;
  /** While true, connections are refused. */
  down = false;
  /** While true, nothing is answered. */
  frozen = false;
  /** While false, `open` waits. */
  reachable = true;
  refusal: ServerError | undefined;
  role = 'master';
  canTrack = true;
  readonly primaries?: () => readonly string[];
  onPrimaries: () => void = () => {};
  #names: readonly string[] = [];

  /** @param names of the nodes of a cluster; none for one server */
  constructor(...names: readonly string[]) {
    if (names.length === 0) return;
    this.#names = names;
    this.primaries = () => this.#names;
  }

  readonly open = async (signal: AbortSignal | undefined, hint?: OpenHint): Promise<Connection> => {
    this.opens += 1;
    await Promise.resolve();
    if (this.down) throw lost();
    if (!this.reachable) {
      await new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(lost()));
      });
    }
    const connection = new FakeTrackingConnection(this, hint?.node);
    this.opened.push(connection);
    return connection;
  };

  suspect(): void {
    this.suspicions += 1;
  }

  become(...names: readonly string[]): void {
    this.#names = names;
    this.onPrimaries();
  }

  /** The connections that live, by the node that they lead to. */
  get alive(): readonly (string | undefined)[] {
    return this.opened.filter(({ alive }) => alive).map(({ node }) => node);
  }

  connection(node?: string): FakeTrackingConnection {
    const found = this.opened.findLast((connection) => connection.alive && connection.node === node);
    if (found === undefined) throw new Error('no connection to this node');
    return found;
  }

  /** Answers what has not been answered, and what comes from now on. */
  thaw(): void {
    this.frozen = false;
    for (const connection of this.opened) connection.answer();
  }
}

export class FakeTrackingConnection implements Connection {
  readonly #server: FakeTrackingServer;
  readonly node: string | undefined;
  readonly trackInvalidations?: (prefix: string) => Promise<void>;
  readonly writable = true;
  alive = true;
  #waiting: ReplySink[] = [];
  onMessage = (): void => {};
  onWritable = (): void => {};
  onInvalidate: (keys: readonly string[] | undefined) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(server: FakeTrackingServer, node: string | undefined) {
    this.#server = server;
    this.node = node;
    if (server.canTrack) this.trackInvalidations = async () => this.#track();
  }

  async #track(): Promise<void> {
    const { refusal } = this.#server;
    if (refusal !== undefined) throw refusal;
    if (this.#server.frozen) await new Promise(() => {});
  }

  send(_command: WireCommand, sink: ReplySink): void {
    this.#waiting.push(sink);
    if (!this.#server.frozen) this.answer();
  }

  answer(): void {
    for (const sink of this.#waiting.splice(0)) sink.resolve({ role: this.#server.role });
  }

  async subscribe(): Promise<void> {}
  async unsubscribe(): Promise<void> {}

  end(cause: Error): void {
    if (!this.alive) return;
    this.alive = false;
    for (const sink of this.#waiting.splice(0)) sink.reject(cause);
    this.onEnd(cause);
  }

  destroy(): void {
    this.end(lost());
  }
}
