import { jitteredDelay } from '../../../core/backoff.js';
import type { Timer } from '../../../core/clock.js';
import { ConnectionError, type ConnectionReason } from '../../../core/errors.js';
import type { Runtime } from '../../../core/runtime.js';
import { request } from '../../request.js';
import type { Settings } from '../../config/settings.js';
import type { Connection, DriverEvent, NodeStatus, WireCommand } from '../../driver.js';
import { Breaker } from './breaker.js';
import { CommandQueue, deliver, type LinkSink, type QueuedCommand } from './command-queue.js';
import { statusOf } from './link-status.js';
import { refuse } from './refuse.js';

export interface LinkPorts extends Runtime {
  /** The server as errors call it; may change with each connection. */
  readonly endpoint: () => string;
  readonly settings: Settings;
  readonly open: (signal: AbortSignal) => Promise<Connection>;
  readonly onEvent: (event: DriverEvent) => void;
}

/** A connection that lived this long was a good one: the next loss begins with the shortest pause again. */
const STABLE_MS = 2_000;

/**
 * The connection to one server that all callers share. It is replaced when it ends, with growing, jittered pauses.
 *
 * Commands that come while there is none wait, in order, within the bounds of `offlineQueue`; what has been sent is
 * never sent again by it. Commands also wait while the server does not keep up with reading. Once `breaker.failures`
 * attempts in a row have failed, commands fail at once until an attempt succeeds: each attempt greets and pings.
 */
export class Link {
  readonly #ports: LinkPorts;
  readonly #queue: CommandQueue;
  readonly #breaker: Breaker;
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  #cause: unknown;
  #attempt = 0;
  #openedMs = 0;
  #retry: Timer | undefined;
  #sweep: Timer | undefined;
  #replacing = false;
  #isSilent = false;
  /** Replaced or given up in peace; the last replies may still be on their way. */
  readonly #retiring = new Set<Connection>();

  constructor(ports: LinkPorts) {
    this.#ports = ports;
    this.#queue = new CommandQueue(ports.settings);
    this.#breaker = new Breaker(ports.settings.breaker);
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Commands that wait here, and their bytes. */
  get queued(): { readonly commands: number; readonly bytes: number } {
    return { commands: this.#queue.length, bytes: this.#queue.bytes };
  }

  /** Connections that have been replaced and are not empty yet. */
  get retiring(): number {
    return this.#retiring.size;
  }

  get breakerState(): Breaker['state'] {
    return this.#breaker.state;
  }

  get lastError(): unknown {
    return this.#cause;
  }

  /** Commands wait for the server, which is not to be heard. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** It was lost or could not be made, and is not back; or it is silent. Not while it is made for the first time. */
  get isAiling(): boolean {
    return this.#isSilent || (this.#connection === undefined && this.#cause !== undefined);
  }

  status(): NodeStatus {
    return statusOf(this, this.#ports.endpoint());
  }

  /** The first attempt, whose failure is the caller's. */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    const stop = this.#stop.signal;
    const connection = await this.#ports.open(signal === undefined ? stop : AbortSignal.any([signal, stop]));
    if (stop.aborted) return connection.destroy();
    this.#adopt(connection);
  }

  /** Begins with a connection that is to be made, as after a loss. */
  start(): void {
    this.#reconnect(0);
  }

  send(command: WireCommand, sink: LinkSink): void {
    const connection = this.#connection;
    if (connection !== undefined && this.#queue.length === 0 && connection.writable) deliver(connection, command, sink);
    else this.#wait(command, sink);
  }

  /** Replaces a connection that works by a new one; what was sent on the old one is still answered there. */
  replace(): void {
    if (this.#replacing || this.#connection === undefined) return;
    this.#replacing = true;
    this.#ports.open(this.#stop.signal).then(
      (fresh) => this.#swap(fresh),
      () => (this.#replacing = false),
    );
  }

  /** Where a pause before the next attempt is under way, ends it. */
  hurry(): void {
    if (this.#retry !== undefined) this.#tryAgain();
  }

  /**
   * Ends it without a loss: what was sent is still answered, and what waits is handed back. Nothing is told any more.
   * `destroy` cuts short what is not answered yet.
   */
  retire(): readonly QueuedCommand[] {
    const connection = this.#connection;
    this.#connection = undefined;
    const waiting = this.#queue.takeAll();
    this.#halt();
    if (connection !== undefined) this.#retire(connection);
    return waiting;
  }

  destroy(): void {
    this.#halt();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    for (const retiring of [...this.#retiring]) retiring.destroy();
    this.#queue.rejectAll(() => this.#unsent('closed', 'is closed'));
  }

  #halt(): void {
    this.#stop.abort();
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#sweep?.cancel();
  }

  #swap(fresh: Connection): void {
    this.#replacing = false;
    const old = this.#connection;
    if (this.#stop.signal.aborted || old === undefined) return fresh.destroy();
    this.#adopt(fresh);
    this.#retire(old);
  }

  #adopt(connection: Connection): void {
    this.#connection = connection;
    this.#openedMs = this.#ports.clock.monotonicMs();
    this.#breaker.succeeded();
    this.#sweep?.cancel();
    this.#sweep = undefined;
    connection.onWritable = () => this.#pump();
    connection.onSilence = (silentMs) => this.#onSilence(connection, silentMs);
    connection.onEnd = (cause) => this.#lost(connection, cause);
    this.#isSilent = false;
    this.#ports.onEvent({ type: 'up' });
    this.#pump();
    if (!connection.alive) this.#lost(connection, new Error('the connection ended as soon as it was open'));
  }

  #onSilence(connection: Connection, silentMs: number | undefined): void {
    if (this.#connection !== connection) return;
    this.#isSilent = silentMs !== undefined;
    if (silentMs === undefined) return this.#ports.onEvent({ type: 'recovered' });
    const message = `Commands wait for ${this.#ports.endpoint()}, and not a byte arrived for ${Math.round(silentMs)} ms`;
    this.#ports.onEvent({ type: 'degraded', cause: new Error(message) });
  }

  #lost(connection: Connection, cause: Error): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#isSilent = false;
    this.#cause = cause;
    if (this.#ports.clock.monotonicMs() - this.#openedMs >= STABLE_MS) this.#attempt = 0;
    if (cause instanceof ConnectionError && cause.reason === 'unresponsive') this.#breaker.failed();
    this.#ports.onEvent({ type: 'down', cause });
    this.#planSweep();
    this.#reconnect(jitteredDelay(this.#attempt, this.#backoff(), this.#ports.random), cause);
  }

  #reconnect(delayMs: number, cause?: Error): void {
    if (this.#stop.signal.aborted) return;
    const attempt = this.#attempt;
    this.#attempt += 1;
    if (cause !== undefined) this.#ports.onEvent({ type: 'retry', attempt, delayMs, cause });
    this.#retry = this.#ports.clock.timer(delayMs, () => this.#tryAgain());
  }

  #tryAgain(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.connect(undefined).catch((error: Error) => this.#failed(error));
  }

  #failed(error: Error): void {
    if (this.#stop.signal.aborted) return;
    this.#cause = error;
    if (this.#breaker.failed()) this.#queue.rejectAll(() => this.#unsent('unreachable', 'cannot be made just now'));
    this.#reconnect(jitteredDelay(this.#attempt, this.#backoff(), this.#ports.random), error);
  }

  /** Ends a connection as soon as what was sent on it has been answered. */
  #retire(connection: Connection): void {
    this.#retiring.add(connection);
    connection.onWritable = () => {};
    connection.onEnd = () => void this.#retiring.delete(connection);
    const end = (): void => connection.destroy();
    request(connection, ['PING']).then(end, end);
  }

  #backoff(): { baseMs: number; maxMs: number } {
    const { minDelayMs, maxDelayMs } = this.#ports.settings.reconnect;
    return { baseMs: minDelayMs, maxMs: maxDelayMs };
  }

  #wait(command: WireCommand, sink: LinkSink): void {
    if (this.#stop.signal.aborted) return refuse(sink, this.#unsent('closed', 'is closed'));
    const away = this.#connection === undefined;
    if (away && this.#breaker.state === 'open') {
      return refuse(sink, this.#unsent('unreachable', 'cannot be made just now (the circuit breaker is open)'));
    }
    if (away && this.#ports.settings.offlineQueue === undefined) {
      return refuse(sink, this.#unsent('lost', 'is down just now'));
    }
    if (!this.#queue.add(command, sink, { ms: this.#ports.clock.monotonicMs(), away })) {
      const why = away ? 'is down' : 'does not keep up';
      const bounds = away ? '`offlineQueue`' : '`offlineQueue`, `maxInFlight`';
      return refuse(sink, this.#unsent('overloaded', `${why}, and what may wait for it is full (${bounds})`));
    }
    if (away && this.#sweep === undefined) this.#planSweep();
  }

  #pump(): void {
    const connection = this.#connection;
    if (connection !== undefined) this.#queue.pump(connection, () => this.#unsent('lost', 'was not needed any more'));
  }

  /** While there is no connection, what has waited for `maxWait` is told so. */
  #planSweep(): void {
    const maxWaitMs = this.#ports.settings.offlineQueue?.maxWaitMs ?? 0;
    const { clock } = this.#ports;
    const firstMs = this.#queue.expire(clock.monotonicMs() - maxWaitMs, () =>
      this.#unsent('lost', `has been down for longer than a command may wait (${maxWaitMs} ms)`),
    );
    this.#sweep?.cancel();
    this.#sweep = undefined;
    if (firstMs === undefined || this.#stop.signal.aborted) return;
    // a millisecond more, or a timer that comes early would find nothing to do and be planned again at once
    this.#sweep = clock.timer(firstMs + maxWaitMs - clock.monotonicMs() + 1, () => this.#planSweep());
  }

  #unsent(reason: ConnectionReason, what: string): ConnectionError {
    const endpoint = this.#ports.endpoint();
    return new ConnectionError(`The connection to ${endpoint} ${what}, nothing was sent`, {
      endpoint,
      reason: this.#stop.signal.aborted ? 'closed' : reason,
      outcome: 'not-sent',
      cause: this.#cause,
    });
  }
}
