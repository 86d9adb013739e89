import type { Socket } from 'node:net';

import { ignore } from '../../../core/abort.js';
import type { Clock } from '../../../core/clock.js';
import { ConnectionError, type ConnectionReason, ServerError } from '../../../core/errors.js';
import { Fifo } from '../../../core/fifo.js';
import { Latencies } from '../../../core/latencies.js';
import type {
  Connection,
  ConnectionIdentity,
  ConnectionVitals,
  IncomingMessage,
  Reply,
  ReplyMode,
  ReplySink,
  SubscriptionKind,
  WireCommand,
} from '../../driver.js';
import type { Settings } from '../../config/settings.js';
import { request, trackingCommand } from '../../request.js';
import { CommandWriter } from './command-writer.js';
import { ProtocolError, type ReplyHandler, ReplyReader } from './reply-reader.js';
import { Acknowledgement, INVALIDATION, isAcknowledgement, keysIn, nameIn, toMessage } from './subscriptions.js';
import { Watchdog, type Watched } from './watchdog.js';

/** What the server says of itself and of this connection when it is greeted. */
export interface ServerGreeting {
  readonly id: number;
  readonly role: string;
  readonly version: string;
}

export interface WirePorts {
  readonly clock: Clock;
  readonly settings: Settings;
}

/** Bytes that one tick may add before its commands are better kept back: a burst, not a flood. */
const MAX_FLUSH_BYTES = 16 * 1024 * 1024;
/** So many bytes leave before their tick is over: the server works on them while the next commands are made. */
const EARLY_FLUSH_BYTES = 8 * 1024;
/** Then it has something to do, and more leave together: each write is a call into the kernel, and may wake the server. */
const NEXT_FLUSH_BYTES = 24 * 1024;

/**
 * One life of one socket that speaks RESP3: commands of a tick go out in one write, or a few, replies come back in
 * order, and when anything is wrong with the stream it ends, because nothing after a wrong byte can be trusted.
 */
export class WireConnection implements Connection, ReplyHandler, Watched {
  readonly #socket: Socket;
  readonly #ports: WirePorts;
  readonly #writer = new CommandWriter();
  readonly #reader = new ReplyReader(this);
  readonly #waiting = new Fifo<ReplySink>();
  readonly #watchdog: Watchdog;
  #flushPlanned = false;
  /** With so many bytes the next write does not wait for the end of this tick. */
  #flushBytes = EARLY_FLUSH_BYTES;
  #heldBack = false;
  #waitsSinceMs = 0;
  #heardMs: number;
  #isSilent = false;
  /** One command at a time whose round trip is measured. */
  #sampled: ReplySink | undefined;
  #sampledMs = 0;
  readonly #roundTrips = new Latencies();
  readonly #sinceMs: number;
  #greeting: ServerGreeting | undefined;
  readonly #cleanups: (() => void)[] = [];
  #ended: ConnectionError | undefined;
  inMulti = false;
  onMessage: (message: IncomingMessage) => void = () => {};
  onInvalidate: (keys: readonly string[] | undefined) => void = () => {};
  onWritable: () => void = () => {};
  onSilence: (silentMs: number | undefined) => void = () => {};
  /** Called with each error reply, before whoever waits for it. */
  onRefusal: (error: ServerError) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  /** @param socket connected, with nothing read from it yet */
  constructor(socket: Socket, ports: WirePorts) {
    this.#socket = socket;
    this.#ports = ports;
    this.#heardMs = ports.clock.monotonicMs();
    this.#sinceMs = ports.clock.wallMs();
    this.#watchdog = new Watchdog(this, ports.settings, ports.clock);
    socket.on('data', (chunk: Buffer) => this.#hear(chunk));
    socket.on('drain', () => this.#signalWritable());
    socket.once('error', (error) => this.#end('lost', error));
    socket.once('close', () => this.#end('lost', new Error('the connection was closed')));
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Where it leads, as a URL without credentials. */
  get endpoint(): string {
    return this.#ports.settings.endpoint;
  }

  get writable(): boolean {
    const full =
      this.#socket.writableNeedDrain ||
      this.#waiting.length >= this.#ports.settings.maxInFlight ||
      this.#writer.bytes >= MAX_FLUSH_BYTES;
    if (full) this.#heldBack = true;
    return !full;
  }

  /** Commands that were sent and have not been answered. */
  get inFlight(): number {
    return this.#waiting.length;
  }

  get identity(): ConnectionIdentity | undefined {
    if (this.#greeting === undefined) return undefined;
    const { target } = this.#ports.settings;
    const address = target.kind === 'unix' ? `${target.path}:0` : ownAddress(this.#socket);
    return { id: this.#greeting.id, address };
  }

  get vitals(): ConnectionVitals {
    const { role, version } = this.#greeting ?? { role: undefined, version: undefined };
    return { role, version, sinceMs: this.#sinceMs, inFlight: this.inFlight, roundTrips: this.#roundTrips.summary() };
  }

  silentMs(nowMs: number): number {
    const head = this.#waiting.peek();
    if (head === undefined || head.blocks) return 0;
    return nowMs - Math.max(this.#heardMs, this.#waitsSinceMs);
  }

  idleMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  send(command: WireCommand, sink: ReplySink): void {
    if (this.#ended !== undefined) return sink.reject(this.#lost('not-sent'));
    this.#writer.add(command);
    sink.sent = true;
    if (this.#waiting.length === 0) this.#waitsSinceMs = this.#ports.clock.monotonicMs();
    this.#waiting.push(sink);
    if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      if (this.#sampled === undefined && !sink.blocks) this.#sample(sink);
      // after the microtasks of this tick: what they send leaves in the same write
      process.nextTick(flush, this);
    }
    if (this.#writer.bytes >= this.#flushBytes) {
      this.#flushBytes = NEXT_FLUSH_BYTES;
      this.#write();
    }
  }

  /** @internal */
  flush(): void {
    this.#flushPlanned = false;
    this.#flushBytes = EARLY_FLUSH_BYTES;
    if (this.#ended === undefined && this.#writer.bytes > 0) this.#write();
  }

  #write(): void {
    const chunks = this.#writer.take();
    if (chunks.length > 1) this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    if (chunks.length > 1) this.#socket.uncork();
    // the socket has taken all of it and reads its memory no more
    if (this.#socket.writableLength === 0) this.#writer.recycle();
    if (!this.#socket.writableNeedDrain) this.#signalWritable();
  }

  subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    return this.#acknowledged(kind === 'channel' ? 'subscribe' : 'psubscribe', name);
  }

  unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    return this.#acknowledged(kind === 'channel' ? 'unsubscribe' : 'punsubscribe', name);
  }

  async trackInvalidations(prefix: string): Promise<void> {
    await request(this, trackingCommand(prefix));
  }

  greetedBy(greeting: ServerGreeting): void {
    this.#greeting = greeting;
  }

  /** Runs when the connection has ended; at once when it has ended already. */
  whenEnded(cleanup: () => void): void {
    if (this.#ended === undefined) this.#cleanups.push(cleanup);
    else cleanup();
  }

  /** Ends the connection. @param reason what the errors of those in flight say */
  destroy(reason: ConnectionReason = 'lost', cause = new Error('the connection was closed by this side')): void {
    this.#end(reason, cause);
  }

  /** From now on it does not keep the process alive. */
  unref(): void {
    this.#socket.unref();
  }

  ping(): void {
    if (this.#waiting.length === 0 && !this.inMulti) request(this, ['PING']).catch(ignore);
  }

  worry(silentMs: number): void {
    if (this.#isSilent) return;
    this.#isSilent = true;
    this.onSilence(silentMs);
  }

  giveUp(silentMs: number): void {
    this.destroy('unresponsive', new Error(`not a byte arrived for ${Math.round(silentMs)} ms`));
  }

  mode(): ReplyMode {
    return this.#waiting.peek()?.mode ?? 'text';
  }

  toError(message: string): Error {
    return new ServerError(message, this.#waiting.peek()?.operation ?? 'the server');
  }

  onReply(reply: Reply): void {
    this.#next().resolve(reply);
  }

  onError(error: Error): void {
    this.onRefusal(error as ServerError);
    this.#next().reject(error);
  }

  onPush(parts: readonly Reply[]): void {
    const kind = nameIn(parts[0]);
    const message = toMessage(kind, parts);
    if (message !== undefined) return this.onMessage(message);
    if (kind === INVALIDATION) return this.onInvalidate(keysIn(parts[1]));
    const head = this.#waiting.peek();
    // the server may also end a subscription by itself, while something else is waited for
    if (isAcknowledgement(kind) && head instanceof Acknowledgement && head.isFor(kind, parts[1])) this.onReply(null);
  }

  #acknowledged(verb: string, name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.send([verb.toUpperCase(), name], new Acknowledgement(verb, name, { resolve, reject }));
    });
  }

  #next(): ReplySink {
    const sink = this.#waiting.shift();
    if (sink === undefined) throw new ProtocolError('a reply that nobody asked for');
    if (sink === this.#sampled) {
      this.#sampled = undefined;
      this.#roundTrips.add(this.#heardMs - this.#sampledMs);
    }
    return sink;
  }

  #sample(sink: ReplySink): void {
    this.#sampled = sink;
    this.#sampledMs = this.#ports.clock.monotonicMs();
  }

  #hear(chunk: Buffer): void {
    if (this.#ended !== undefined) return;
    this.#heardMs = this.#ports.clock.monotonicMs();
    if (this.#isSilent) {
      this.#isSilent = false;
      this.onSilence(undefined);
    }
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#end('protocol', error);
    }
    if (this.#heldBack) this.#signalWritable();
  }

  #signalWritable(): void {
    if (!this.#heldBack || this.#ended !== undefined) return;
    this.#heldBack = false;
    if (this.writable) this.onWritable();
  }

  #end(reason: ConnectionReason, cause: Error): void {
    if (this.#ended !== undefined) return;
    const { endpoint } = this.#ports.settings;
    this.#ended = new ConnectionError(
      `The connection to ${endpoint} was lost (${cause.message}) – the server may have run the command`,
      { endpoint, reason, outcome: 'unknown', cause },
    );
    this.#watchdog.stop();
    for (const cleanup of this.#cleanups) cleanup();
    this.#socket.destroy();
    for (const sink of this.#waiting.drain()) sink.reject(this.#lost('unknown'));
    this.onEnd(this.#ended);
  }

  #lost(outcome: 'not-sent' | 'unknown'): ConnectionError {
    const { endpoint } = this.#ports.settings;
    const what = outcome === 'unknown' ? 'was lost – the server may have run the command' : 'is lost, nothing was sent';
    const { reason = 'lost', cause } = this.#ended ?? {};
    return new ConnectionError(`The connection to ${endpoint} ${what}`, { endpoint, reason, outcome, cause });
  }
}

function ownAddress({ localAddress, localFamily, localPort }: Socket): string {
  return localFamily === 'IPv6' ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

function flush(connection: WireConnection): void {
  connection.flush();
}
