import type { Socket } from 'node:net';
import type { Direction, Faults } from './proxy-faults.js';
import { Lane } from './proxy-lane.js';
import type { ReplyTracker } from './reply-tracker.js';

export interface LinkParts {
  readonly client: Socket;
  readonly server: Socket;
  readonly faults: Faults;
  readonly tracker: ReplyTracker;
}

/** One accepted connection and the one to the server that belongs to it. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: Faults;
  readonly #tracker: ReplyTracker;
  readonly #lanes: Readonly<Record<Direction, Lane>>;

  constructor({ client, server, faults, tracker }: LinkParts) {
    this.#client = client;
    this.#server = server;
    this.#faults = faults;
    this.#tracker = tracker;
    this.#lanes = {
      toServer: new Lane(client, server, faults.toServer),
      toClient: new Lane(server, client, faults.toClient),
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
    }
    client.on('data', (bytes: Buffer) => this.#takeCommands(bytes));
    server.on('data', (bytes: Buffer) => this.#takeReplies(bytes));
    client.on('close', () => server.destroy());
    server.on('close', () => this.#lanes.toClient.end());
  }

  /** RST to the client, unless it is leaving by itself. */
  reset(): void {
    // of a socket that is shutting down, Node would lose the handle
    if (this.#client.writableEnded || this.#client.readableEnded) return this.close();
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  /** Ends both connections. */
  close(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  flush(): void {
    this.#lanes.toServer.flush();
    this.#lanes.toClient.flush();
  }

  #takeCommands(bytes: Buffer): void {
    this.#tracker.sawCommands(bytes);
    this.#forward('toServer', bytes);
  }

  #takeReplies(bytes: Buffer): void {
    const { pass, lost } = this.#tracker.sawReplies(bytes);
    this.#forward('toClient', pass);
    if (lost === undefined) return;
    if (lost.ending === 'reset') this.reset();
    lost.done();
  }

  #forward(direction: Direction, bytes: Buffer): void {
    const passed = this.#faults[direction].pass(bytes);
    if (passed.length > 0) this.#lanes[direction].push(passed);
    // both sides see an end: a cut connection is cut for both
    if (passed.length < bytes.length) this.#lanes[direction].end();
  }
}
