import {
  createConnection,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import { afterThisTest } from './cleanup.js';
import { ReplyTracker, type LostReply } from './reply-tracker.js';

/**
 * Stands between the library and a server, on a port of 127.0.0.1, and does to the traffic what networks do. All
 * settings hold for the connections there are and for those to come, until `heal()`.
 */

/** `toServer` carries commands, `toClient` carries replies. */
export type Direction = 'toServer' | 'toClient';

type Upstream = { readonly socketPath: string } | { readonly port: number };

interface Faults {
  readonly latencyMs: Record<Direction, number>;
  readonly blackHole: Record<Direction, boolean>;
  oneByteWrites: boolean;
  /** Bytes of replies that may still pass, over all connections; the connection that crosses it is cut. */
  replyBytesLeft: number;
}

export class FaultProxy {
  /** Names of all commands that went through, in order and in capitals. */
  readonly commands: string[] = [];
  #upstream: NetConnectOpts;
  readonly #links = new Set<Link>();
  readonly #faults = noFaults();
  readonly #lostReplies: LostReply[] = [];
  #listener: Server | undefined;
  #port = 0;
  #accepted = 0;

  private constructor(upstream: NetConnectOpts) {
    this.#upstream = upstream;
  }

  /** A proxy in front of a server, stopped when the test has finished. */
  static async start(upstream: Upstream): Promise<FaultProxy> {
    const proxy = new FaultProxy(toOptions(upstream));
    await proxy.accept();
    afterThisTest(() => proxy.stop());
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connects to another server from now on, as a host name does whose address changes. Open connections stay. */
  redirect(upstream: Upstream): void {
    this.#upstream = toOptions(upstream);
  }

  /** Delays all bytes, in their order: one way, or both. */
  latency(delayMs: number, direction?: Direction): void {
    for (const each of directions(direction)) this.#faults.latencyMs[each] = delayMs;
  }

  /** Keeps connections open and holds all bytes back: one way (half-open), or both. `heal()` lets them go. */
  blackHole(direction?: Direction): void {
    for (const each of directions(direction)) this.#faults.blackHole[each] = true;
  }

  /** Sends every byte in a write of its own. */
  oneByteWrites(): void {
    this.#faults.oneByteWrites = true;
  }

  /** Lets `bytes` more bytes of replies through, then cuts the connection in the middle of what it sends. */
  truncateRepliesAfter(bytes: number): void {
    this.#faults.replyBytesLeft = bytes;
  }

  /**
   * Drops the reply of the n-th coming command (of that name, if one is given) after the server has run it, then resets
   * the connection, or leaves it silent. Resolves when that has happened.
   */
  loseReply(options: { command?: string; nth?: number; ending?: 'reset' | 'silence' } = {}): Promise<void> {
    return new Promise((resolve) => {
      const { command, nth = 1, ending = 'reset' } = options;
      this.#lostReplies.push({ command: command?.toUpperCase(), left: nth, ending, done: resolve });
    });
  }

  /** Resets (RST) every open connection. New ones are accepted. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** Stops listening: new connections are refused. Open ones stay. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Listens, again on the same port if it did before. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return;
    const listener = createServer((client) => this.#connect(client));
    this.#listener = listener;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (listener.address() as AddressInfo).port;
  }

  /** Takes all faults away, except refusing; what was held back goes on its way. */
  heal(): void {
    Object.assign(this.#faults, noFaults());
    this.#lostReplies.length = 0;
    for (const link of this.#links) link.flush();
  }

  async stop(): Promise<void> {
    const listener = this.#listener;
    const closed = new Promise<void>((resolve) => listener?.once('close', resolve) ?? resolve());
    this.refuse();
    this.reset();
    await closed;
  }

  #connect(client: Socket): void {
    this.#accepted++;
    const server = createConnection(this.#upstream);
    const tracker = new ReplyTracker(this.#lostReplies, (name) => this.commands.push(name));
    const link = new Link({ client, server, faults: this.#faults, tracker });
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }
}

function toOptions(upstream: Upstream): NetConnectOpts {
  return 'socketPath' in upstream ? { path: upstream.socketPath } : { host: '127.0.0.1', port: upstream.port };
}

function directions(direction: Direction | undefined): readonly Direction[] {
  return direction === undefined ? ['toServer', 'toClient'] : [direction];
}

function noFaults(): Faults {
  return {
    latencyMs: { toServer: 0, toClient: 0 },
    blackHole: { toServer: false, toClient: false },
    oneByteWrites: false,
    replyBytesLeft: Number.POSITIVE_INFINITY,
  };
}

interface LinkParts {
  readonly client: Socket;
  readonly server: Socket;
  readonly faults: Faults;
  readonly tracker: ReplyTracker;
}

/** One accepted connection and the one to the server that belongs to it. */
class Link {
  readonly #client: Socket;
  readonly #faults: Faults;
  readonly #server: Socket;
  readonly #lanes: Record<Direction, Lane>;

  constructor({ client, server, faults, tracker }: LinkParts) {
    this.#client = client;
    this.#server = server;
    this.#faults = faults;
    this.#lanes = { toServer: new Lane('toServer', server, faults), toClient: new Lane('toClient', client, faults) };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
    }
    client.on('data', (bytes: Buffer) => {
      tracker.sawCommands(bytes);
      this.#lanes.toServer.push(bytes);
    });
    server.on('data', (bytes: Buffer) => this.#reply(tracker, bytes));
    client.on('close', () => server.destroy());
    server.on('close', () => this.#lanes.toClient.end());
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  flush(): void {
    this.#lanes.toServer.flush();
    this.#lanes.toClient.flush();
  }

  #reply(tracker: ReplyTracker, bytes: Buffer): void {
    const { pass, lost } = tracker.sawReplies(bytes);
    const allowed = pass.subarray(0, this.#faults.replyBytesLeft);
    this.#faults.replyBytesLeft -= allowed.length;
    if (allowed.length > 0) this.#lanes.toClient.push(allowed);
    if (allowed.length < pass.length) this.#lanes.toClient.end();
    if (lost === undefined) return;
    if (lost.ending === 'reset') this.reset();
    lost.done();
  }
}

/** One direction of one connection: bytes go out in order, as late and in as small pieces as the faults say. */
class Lane {
  readonly #direction: Direction;
  readonly #to: Socket;
  readonly #faults: Faults;
  readonly #held: { readonly bytes: Buffer; readonly notBefore: number }[] = [];
  #running = false;
  #ending = false;

  constructor(direction: Direction, to: Socket, faults: Faults) {
    this.#direction = direction;
    this.#to = to;
    this.#faults = faults;
  }

  push(bytes: Buffer): void {
    this.#held.push({ bytes, notBefore: performance.now() + this.#faults.latencyMs[this.#direction] });
    this.flush();
  }

  /** Closes the other side once everything held has gone out; at once when nothing is on its way. */
  end(): void {
    this.#ending = true;
    this.flush();
  }

  flush(): void {
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#held[0]; next !== undefined && this.#isOpen(); next = this.#held[0]) {
      const waitMs = next.notBefore - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (!this.#isOpen()) break;
      this.#held.shift();
      await this.#write(next.bytes);
    }
    this.#running = false;
    if (this.#ending && this.#held.length === 0) this.#to.destroySoon();
  }

  #isOpen(): boolean {
    return !this.#faults.blackHole[this.#direction] && !this.#to.destroyed;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (!this.#faults.oneByteWrites) return void this.#to.write(bytes);
    for (const byte of bytes) {
      this.#to.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
