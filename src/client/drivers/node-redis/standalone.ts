import { jitteredDelay } from '../../../core/backoff.js';
import type { Clock, Timer } from '../../../core/clock.js';
import { ConnectionError } from '../../../core/errors.js';
import type { Random } from '../../../core/random.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Settings } from '../../settings.js';
import type { Connection, Driver, DriverEvent, Reply, ReplyMode, WireCommand } from '../../driver.js';
import { NodeRedisConnection } from './connection.js';

const BACKOFF = { baseMs: 50, maxMs: 2_000 };

/**
 * One server, over TCP, TLS or a unix socket: a main connection that is replaced when it ends, and dedicated ones.
 * While there is none, commands fail at once with outcome `not-sent`; nothing is queued and nothing is sent twice.
 */
export class StandaloneDriver implements Driver {
  readonly endpoint: string;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #random: Random;
  #main: Connection | undefined;
  #cause: unknown;
  #retry: Timer | undefined;
  readonly #stop = new AbortController();
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(settings: Settings, ports: Runtime) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#clock = ports.clock;
    this.#random = ports.random;
  }

  async connect(signal: AbortSignal | undefined): Promise<void> {
    const connection = await this.open(signal);
    if (this.#stop.signal.aborted) return connection.destroy();
    this.#adopt(connection);
  }

  send(command: WireCommand, mode: ReplyMode): Promise<Reply> {
    if (this.#main === undefined) return Promise.reject(this.#down());
    return this.#main.send(command, mode);
  }

  open(signal: AbortSignal | undefined): Promise<Connection> {
    return NodeRedisConnection.open(this.#settings, this.#clock, signal);
  }

  destroy(): void {
    this.#stop.abort();
    this.#retry?.cancel();
    const main = this.#main;
    this.#main = undefined;
    main?.destroy();
  }

  #adopt(connection: Connection): void {
    this.#main = connection;
    connection.onEnd = (cause) => {
      if (this.#main !== connection) return;
      this.#main = undefined;
      this.#cause = cause;
      this.onEvent({ type: 'down', cause });
      this.#reconnect(0, cause);
    };
    this.onEvent({ type: 'up' });
  }

  #reconnect(attempt: number, cause: Error): void {
    if (this.#stop.signal.aborted) return;
    const delayMs = jitteredDelay(attempt, BACKOFF, this.#random);
    this.onEvent({ type: 'retry', attempt, delayMs, cause });
    this.#retry = this.#clock.timer(delayMs, () => {
      this.connect(this.#stop.signal).catch((error: Error) => {
        this.#cause = error;
        this.#reconnect(attempt + 1, error);
      });
    });
  }

  #down(): ConnectionError {
    return new ConnectionError(`There is no connection to ${this.endpoint} just now, nothing was sent`, {
      endpoint: this.endpoint,
      reason: this.#stop.signal.aborted ? 'closed' : 'lost',
      outcome: 'not-sent',
      cause: this.#cause,
    });
  }
}
