import type { Timer } from '../../../core/clock.js';
import { ConnectionError, type ConnectionReason, ServerError } from '../../../core/errors.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Capabilities, Connection, Driver, DriverEvent, ReplySink, WireCommand } from '../../driver.js';
import { request } from '../../request.js';
import type { Settings } from '../../config/settings.js';
import { CommandQueue, type Outlet } from '../link/command-queue.js';
import { connectError } from '../wire/connect-error.js';
import type { ClientAdapter } from './adapter.js';
import { withinAttempt } from './attempt.js';
import { isErrorReply, lost } from './call-error.js';
import { WrappedConnection } from './connection.js';
import { Handover } from './handover.js';
import { Unsent } from './unsent.js';

/**
 * The driver port over a client of another package. The client connects and reconnects in its own way; it is never
 * closed from here, and after `destroy` no listener of this driver is left on it.
 *
 * Commands are given to it only while it is connected. Until then they wait here, within the bounds of `offlineQueue`,
 * because what waits in a client's own queue cannot be taken back: it would run after its caller has been told that it
 * failed. A client that is set to queue nothing has nothing queued for it here either.
 */
export class WrappedDriver implements Driver {
  readonly endpoint: string;
  readonly #client: ClientAdapter;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #handover: Handover;
  readonly #queue: CommandQueue;
  readonly #outlet: Outlet;
  #unsent = new Unsent();
  #stopListening: (() => void) | undefined;
  #sweep: Timer | undefined;
  #resp3 = false;
  #up = false;
  #attempt = 0;
  #cause: Error | undefined;
  #destroyed = false;
  /** Who waits for the client to become ready, or for the reason why it does not. */
  #waiting: ((failure: Error | undefined) => void) | undefined;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(client: ClientAdapter, settings: Settings, runtime: Runtime) {
    this.endpoint = settings.endpoint;
    this.#client = client;
    this.#settings = settings;
    this.#runtime = runtime;
    this.#handover = new Handover(settings.endpoint, () => this.#answered());
    this.#queue = new CommandQueue(settings);
    const writable = (): boolean => this.#writable;
    this.#outlet = {
      alive: true,
      get writable() {
        return writable();
      },
      send: (command, sink) => this.#give(command, sink),
    };
  }

  get capabilities(): Capabilities {
    const atMostOnce = this.atMostOnceSetting === undefined;
    return { atMostOnce, resp3: this.#resp3, watchdog: false, invalidations: false };
  }

  get atMostOnceSetting(): string | undefined {
    return this.#client.atMostOnceSetting;
  }

  async connect(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#client.state === 'closed') throw this.#error('closed', 'not-sent', CONNECT_FIRST);
    this.#stopListening = this.#client.listen({
      ready: () => this.#ready(),
      lost: (cause) => this.#lost(cause),
      retry: (delayMs) => this.#retry(delayMs),
    });
    const { clock } = this.#runtime;
    try {
      await withinAttempt(this.#greet(), { clock, timeoutMs: this.#settings.connectTimeoutMs, signal });
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw connectError(isErrorReply(error) ? new ServerError(error.message, 'connect') : error, this.#settings);
    }
  }

  send(command: WireCommand, sink: ReplySink): void {
    if (this.#writable && this.#queue.length === 0) return this.#give(command, sink);
    const { state } = this.#client;
    if (this.#destroyed || state === 'closed') return sink.reject(this.#error('closed', 'not-sent', 'is closed'));
    const away = state === 'away';
    if (away && (!this.#client.queuesOffline || this.#settings.offlineQueue === undefined)) {
      return sink.reject(this.#error('lost', 'not-sent', 'is down just now'));
    }
    if (!this.#queue.add(command, sink, { ms: this.#runtime.clock.monotonicMs(), away })) {
      const why = away ? 'is down' : 'does not keep up';
      return sink.reject(this.#error('overloaded', 'not-sent', `${why}, and what may wait for it is full`));
    }
    if (away && this.#sweep === undefined) this.#planSweep();
  }

  async open(signal: AbortSignal | undefined): Promise<Connection> {
    signal?.throwIfAborted();
    const duplicate = this.#client.duplicate(this.#settings.connectTimeoutMs);
    return WrappedConnection.open(duplicate, { settings: this.#settings, clock: this.#runtime.clock }, signal);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#stopListening?.();
    this.#sweep?.cancel();
    this.#unsent.abort();
    this.#waiting?.(new Error('the manager was closed'));
    this.#queue.rejectAll(() => this.#error('closed', 'not-sent', 'is closed'));
    this.#handover.rejectAll(() => this.#error('closed', 'unknown', 'is closed'));
  }

  /** Whether a command can be given to the client now. */
  get #writable(): boolean {
    return !this.#destroyed && this.#client.state === 'ready' && this.#handover.size < this.#settings.maxInFlight;
  }

  #give(command: WireCommand, sink: ReplySink): void {
    const unsent = this.#unsent;
    this.#handover.give(sink, () => this.#client.call(command, sink.mode, unsent));
  }

  #answered(): void {
    if (this.#queue.length > 0) this.#pump();
  }

  /** Waits until the client is connected, and asks which protocol it speaks: one round trip. */
  async #greet(): Promise<void> {
    if (this.#client.state !== 'ready') await this.#untilReady();
    else this.#ready();
    try {
      this.#resp3 = !Array.isArray(await request(this, ['HELLO']));
    } catch (error) {
      // refused by an ACL: the server is there, and what it speaks is not known
      if (!(error instanceof ServerError)) throw error;
    }
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = (failure) => {
        this.#waiting = undefined;
        if (failure === undefined) resolve();
        else reject(failure);
      };
      this.#client.start();
    });
  }

  #ready(): void {
    this.#attempt = 0;
    if (!this.#up) {
      this.#up = true;
      this.#sweep?.cancel();
      this.#sweep = undefined;
      this.onEvent({ type: 'up' });
    }
    this.#waiting?.(undefined);
    this.#pump();
  }

  #lost(cause: Error): void {
    this.#cause = cause;
    this.#waiting?.(cause);
    if (this.#up) {
      this.#up = false;
      const unsent = this.#unsent;
      this.#unsent = new Unsent();
      unsent.abort();
      if (this.#client.forgets) this.#handover.rejectAll(() => lost(this.endpoint, 'unknown', cause));
      this.onEvent({ type: 'down', cause });
    }
    if (this.#client.state === 'closed') this.#queue.rejectAll(() => this.#error('closed', 'not-sent', 'is closed'));
    this.#planSweep();
  }

  #retry(delayMs: number): void {
    const cause = this.#cause ?? new Error('the client is not connected');
    this.onEvent({ type: 'retry', attempt: this.#attempt, delayMs, cause });
    this.#attempt += 1;
  }

  #pump(): void {
    this.#queue.pump(this.#outlet, () => this.#error('lost', 'not-sent', 'was not needed any more'));
  }

  /** While the client is away, what has waited for `maxWait` is told so. */
  #planSweep(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    const { clock } = this.#runtime;
    const { maxWaitMs } = this.#settings.offlineQueue ?? { maxWaitMs: 0 };
    const firstMs = this.#queue.expire(clock.monotonicMs() - maxWaitMs, () =>
      this.#error('lost', 'not-sent', `has been down for longer than a command may wait (${maxWaitMs} ms)`),
    );
    if (firstMs === undefined || this.#destroyed) return;
    this.#sweep = clock.timer(firstMs + maxWaitMs - clock.monotonicMs() + 1, () => this.#planSweep());
  }

  #error(reason: ConnectionReason, outcome: 'not-sent' | 'unknown', what: string): ConnectionError {
    const ending = outcome === 'not-sent' ? 'nothing was sent' : 'the server may have run the command';
    const facts = { endpoint: this.endpoint, reason, outcome, cause: this.#cause };
    return new ConnectionError(`The connection to ${this.endpoint} ${what}, ${ending}`, facts);
  }
}

const CONNECT_FIRST = 'is closed: connect the client before it is wrapped';
