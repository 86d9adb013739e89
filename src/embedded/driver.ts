import { ConnectionError, ServerError } from '../core/errors.js';
import type { Connection, Driver, DriverEvent, ReplySink, WireCommand } from '../client/driver.js';
import { request } from '../client/request.js';
import { EmbeddedConnection } from './connection.js';
import type { EmbeddedRedis } from './engine.js';

export interface EmbeddedDriverOptions {
  /** The database that every connection starts on. Default: 0. */
  readonly database?: number | undefined;
}

/**
 * The driver port over an engine in the process. A connection to it ends only when the engine is told to drop it, as
 * faults from a seed do; the main one is then replaced in the next turn of the event loop, and commands meanwhile fail
 * as `not-sent`.
 */
export class EmbeddedDriver implements Driver {
  readonly endpoint: string;
  readonly #redis: EmbeddedRedis;
  readonly #database: number;
  #main: EmbeddedConnection | undefined;
  #isDestroyed = false;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(redis: EmbeddedRedis, options: EmbeddedDriverOptions = {}) {
    this.#redis = redis;
    this.#database = options.database ?? 0;
    this.endpoint = `memory://${redis.name}`;
  }

  async connect(signal: AbortSignal | undefined): Promise<void> {
    const main = await this.#open(signal);
    if (this.#isDestroyed) return main.destroy();
    this.#main = main;
    main.onEnd = (cause) => this.#lost(cause);
    this.onEvent({ type: 'up' });
  }

  send(command: WireCommand, sink: ReplySink): void {
    if (this.#main !== undefined) return this.#main.send(command, sink);
    const { endpoint } = this;
    const facts = { endpoint, reason: 'closed', outcome: 'not-sent' } as const;
    sink.reject(new ConnectionError(`Not connected to ${endpoint}, nothing was sent`, facts));
  }

  open(signal: AbortSignal | undefined): Promise<Connection> {
    return this.#open(signal);
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#main?.destroy();
  }

  #lost(cause: Error): void {
    this.#main = undefined;
    if (this.#isDestroyed) return;
    this.onEvent({ type: 'down', cause });
    setImmediate(() => {
      this.connect(undefined).catch((error: unknown) => this.onEvent({ type: 'error', error }));
    });
  }

  async #open(signal: AbortSignal | undefined): Promise<EmbeddedConnection> {
    signal?.throwIfAborted();
    const { endpoint } = this;
    const connection = new EmbeddedConnection({ engine: this.#redis.engine, clock: this.#redis.clock, endpoint });
    if (this.#database === 0) return connection;
    try {
      await request(connection, ['SELECT', String(this.#database)]);
      return connection;
    } catch (cause) {
      connection.destroy();
      const reason = cause instanceof ServerError ? 'protocol' : 'refused';
      const facts = { endpoint, reason, outcome: 'not-sent', cause } as const;
      throw new ConnectionError(`${endpoint} has no database ${this.#database}`, facts);
    }
  }
}
