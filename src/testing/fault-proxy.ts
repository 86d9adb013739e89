import {
  type AddressInfo,
  createConnection,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import { checkInteger, checkKnown, checkOneOf, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { type Direction, DirectionFaults, type Faults } from './proxy-faults.js';
import { Link } from './proxy-link.js';
import { type LostReply, ReplyTracker } from './reply-tracker.js';
import { seededRandom } from './seeded-random.js';

export interface LoseReplyOptions {
  /** Its name, in any case. Default: whichever comes. */
  readonly command?: string | undefined;
  /** Which of the coming commands of that name, from 1. Default: 1. */
  readonly nth?: number | undefined;
  /** What happens to the connection: it is reset, or stays open and says nothing more. Default: `reset`. */
  readonly ending?: 'reset' | 'silence' | undefined;
}

export interface JitterOptions {
  /** The same seed gives the same delays to the same sequence of pieces. Default: 1. */
  readonly seed?: number | undefined;
  /** Default: both. */
  readonly direction?: Direction | undefined;
}

/** Where the proxy connects to: a server of this kit, or its address on this machine. */
export type ProxyTarget = { readonly port: number } | { readonly socketPath: string };

const DIRECTIONS = ['toServer', 'toClient'] as const;
const MAX_COMMANDS = 10_000;

/**
 * Stands between a client and a server, on a port of 127.0.0.1, and does to the traffic what networks do. Each fault
 * holds for the connections there are and for those to come, until `heal()`; several may hold at once.
 *
 * What depends on commands and replies (`commands`, `loseReply`) takes plain RESP2 or RESP3; TLS passes unread.
 */
export class FaultProxy implements AsyncDisposable {
  /** Names of the commands that went through, in order and in capitals; the latest 10,000 at most. */
  readonly commands: string[] = [];
  #upstream: NetConnectOpts;
  readonly #isTls: boolean;
  readonly #links = new Set<Link>();
  readonly #faults: Faults = { toServer: new DirectionFaults(), toClient: new DirectionFaults() };
  readonly #lostReplies: LostReply[] = [];
  #listener: Server | undefined;
  #port = 0;
  #accepted = 0;

  private constructor(target: ProxyTarget) {
    this.#isTls = 'url' in target && String(target.url).startsWith('rediss:');
    this.#upstream = addressOf(target, this.#isTls);
  }

  /**
   * A proxy that listens on a port found free and changes nothing yet. It connects to the target once for each
   * connection that it accepts: over the unix socket if the target has one, over the port if that has TLS.
   */
  static async start(target: ProxyTarget): Promise<FaultProxy> {
    if (typeof target !== 'object' || target === null || !('port' in target || 'socketPath' in target)) {
      throw wrong('target', 'a server, { port } or { socketPath }', target);
    }
    const proxy = new FaultProxy(target);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Where a client connects to. */
  get url(): string {
    return this.#isTls ? `rediss://localhost:${this.#port}` : `redis://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /**
   * Connects to another server from now on, as a host name does whose address changes. Open connections stay.
   * @param target speaks TLS if the one before did
   */
  redirect(target: ProxyTarget): void {
    this.#upstream = addressOf(target, this.#isTls);
  }

  /** Delays all bytes, in their order: one way, or both. */
  latency(delay: Duration, direction?: Direction): void {
    const delayMs = toMs(delay, 'latency', { min: 0 });
    for (const faults of this.#of(direction)) faults.latencyMs = delayMs;
  }

  /** Delays each piece of traffic by up to `upTo` more, in its order, by numbers from a seed. */
  jitter(upTo: Duration, options: JitterOptions = {}): void {
    checkKnown('jitter', options, ['seed', 'direction']);
    const jitterMs = toMs(upTo, 'jitter', { min: 0 });
    const seed = checkInteger('jitter.seed', options.seed ?? 1, { min: 0, max: 2 ** 32 - 1 });
    for (const [index, faults] of this.#of(options.direction).entries()) {
      Object.assign(faults, { jitterMs, uniform: seededRandom(seed + index) });
    }
  }

  /** Keeps connections open and holds all bytes back: one way (half-open), or both. `heal()` lets them go. */
  blackHole(direction?: Direction): void {
    for (const faults of this.#of(direction)) faults.isHeld = true;
  }

  /** Sends every byte in a write of its own: one way, or both. */
  oneByteWrites(direction?: Direction): void {
    for (const faults of this.#of(direction)) faults.isOneByteWrites = true;
  }

  /** Lets `bytes` more bytes of replies through, then closes the connection in the middle of what it sends, and each new one. */
  truncateRepliesAfter(bytes: number): void {
    this.#faults.toClient.bytesLeft = checkInteger('bytes', bytes, { min: 0, max: Number.MAX_SAFE_INTEGER });
  }

  /** The same for commands: the server gets the beginning of one. */
  truncateCommandsAfter(bytes: number): void {
    this.#faults.toServer.bytesLeft = checkInteger('bytes', bytes, { min: 0, max: Number.MAX_SAFE_INTEGER });
  }

  /**
   * Inverts all bits of one byte: the `at`-th from now on in that direction, from 1, counted over all connections.
   * Resolves when that has happened.
   */
  flipByte({ direction, at }: { readonly direction: Direction; readonly at: number }): Promise<void> {
    checkOneOf('flipByte.direction', direction, DIRECTIONS);
    checkInteger('flipByte.at', at, { min: 1, max: Number.MAX_SAFE_INTEGER });
    return new Promise((resolve) => {
      this.#faults[direction].flips.push({ left: at - 1, done: resolve });
    });
  }

  /**
   * Drops the reply of a coming command after the server has run it. Replies to commands before it still pass; nothing
   * passes after. Resolves when that has happened.
   */
  loseReply(options: LoseReplyOptions = {}): Promise<void> {
    checkKnown('loseReply', options, ['command', 'nth', 'ending']);
    const { command, nth = 1, ending = 'reset' } = options;
    checkInteger('loseReply.nth', nth, { min: 1, max: Number.MAX_SAFE_INTEGER });
    checkOneOf('loseReply.ending', ending, ['reset', 'silence']);
    return new Promise((resolve) => {
      this.#lostReplies.push({ command: command?.toUpperCase(), left: nth, ending, done: resolve });
    });
  }

  /** Resets (RST) every open connection. New ones are accepted. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** Stops listening: new connections are refused (ECONNREFUSED). Open ones stay. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Listens again, on the same port. */
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

  /** Takes all faults away, except refusing; what was held back goes on its way. Faults that waited to happen never do. */
  heal(): void {
    for (const faults of this.#of(undefined)) faults.heal();
    this.#lostReplies.length = 0;
    for (const link of this.#links) link.flush();
  }

  /** Ends all connections and stops listening. May be called again. */
  async stop(): Promise<void> {
    const listener = this.#listener;
    const closed = new Promise<void>((resolve) => listener?.once('close', resolve) ?? resolve());
    this.refuse();
    for (const link of this.#links) link.close();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #connect(client: Socket): void {
    this.#accepted += 1;
    const server = createConnection(this.#upstream);
    const tracker = new ReplyTracker(this.#lostReplies, (name) => this.#note(name));
    const link = new Link({ client, server, faults: this.#faults, tracker });
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }

  #note(command: string): void {
    if (this.commands.length === MAX_COMMANDS) this.commands.splice(0, MAX_COMMANDS / 2);
    this.commands.push(command);
  }

  #of(direction: Direction | undefined): DirectionFaults[] {
    if (direction === undefined) return DIRECTIONS.map((each) => this.#faults[each]);
    return [this.#faults[checkOneOf('direction', direction, DIRECTIONS)]];
  }
}

function addressOf(target: ProxyTarget, isTls: boolean): NetConnectOpts {
  if ('socketPath' in target && !isTls) return { path: target.socketPath };
  return { host: '127.0.0.1', port: (target as { port: number }).port };
}
