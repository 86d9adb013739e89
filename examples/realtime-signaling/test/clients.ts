import { WebSocket } from 'ws';
import { afterThisTest } from '../../../test/support/cleanup.js';
import { eventually } from '../../../test/support/eventually.js';

type Received = Readonly<Record<string, unknown>>;

/** A WebSocket client that remembers what it was told. */
export class TestClient {
  readonly received: Received[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.received.push(JSON.parse(String(data)) as Received));
  }

  static async open(port: number): Promise<TestClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    const client = new TestClient(socket);
    afterThisTest(() => socket.terminate());
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return client;
  }

  /** A client that has joined a document. */
  static async join(port: number, documentId: string, user: string): Promise<TestClient> {
    const client = await TestClient.open(port);
    client.send({ type: 'join', documentId, user });
    await client.told({ type: 'welcome' });
    return client;
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  close(): void {
    this.#socket.close();
  }

  /** Waits until it has been told something with these fields. */
  told(fields: Received): Promise<Received> {
    const fits = (message: Received): boolean =>
      Object.entries(fields).every(([name, value]) => message[name] === value);
    return eventually(() => {
      const found = this.received.find(fits);
      if (found === undefined)
        throw new Error(`Not told ${JSON.stringify(fields)} in ${JSON.stringify(this.received)}`);
      return found;
    });
  }

  /** The texts of all edits it was told of, in order. */
  get edits(): unknown[] {
    return this.received.filter(({ type }) => type === 'edit').map(({ text }) => text);
  }
}
