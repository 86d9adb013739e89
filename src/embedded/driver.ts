import { ConnectionError, ServerError } from '../core/errors.js';
import type { Connection, Driver, DriverEvent, ReplySink, WireCommand } from '../client/driver.js';
import { request } from '../client/request.js';
import { EmbeddedConnection } from './connection.js';
import type { EmbeddedRedis } from './engine.js';

export interface EmbeddedDriverOptions {
  /** The database that every connection starts on. Default: 0. */
  readonly database?: number | undefined;
}

/** The driver port over an engine in the process. A connection to it never fails and never goes down by itself. */
export class EmbeddedDriver implements Driver {
  readonly endpoint: string;
  readonly #redis: EmbeddedRedis;
  readonly #database: number;
  #main: EmbeddedConnection | undefined;
  onEvent: (event: DriverEvent) => void = () => {};

  constructor(redis: EmbeddedRedis, options: EmbeddedDriverOptions = {}) {
    this.#redis = redis;
    this.#database = options.database ?? 0;
    this.endpoint = `memory://${redis.name}`;
  }

  async connect(signal: AbortSignal | undefined): Promise<void> {
    this.#main = await this.#open(signal);
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
    this.#main?.destroy();
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
