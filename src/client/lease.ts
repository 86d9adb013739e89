import { toMs, type Duration } from '../core/duration.js';
import { ClosedError } from '../core/errors.js';
import { type Command, commandName, type CommandOptions, toWire } from './command.js';
import type { Connection, WireCommand } from './driver.js';
import { InFlight } from './in-flight.js';
import type { Pool } from './pool.js';
import { checkLeased, connectionEffect } from './shared-commands.js';
import type { Clock } from '../core/clock.js';

export interface LeaseOptions {
  /** How long to wait for a free connection. Default: the pool's `acquireTimeout`. */
  readonly timeout?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In a cluster: a key of the slot that the commands are for. Default: any node. Elsewhere it means nothing. */
  readonly key?: string | undefined;
}

interface LeasePorts {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly commandTimeoutMs: number;
}

/**
 * A dedicated connection, for commands that block or that change the connection (`BLPOP`, `WATCH`, `MULTI`, `SELECT`,
 * `WAIT`). Give it back with `release()` or `await using`.
 *
 * A blocking command has no deadline unless it is given one; every other has the manager's. When a wait ends before
 * its reply came, the connection is not reused. One left inside `MULTI`, watching, or in another way changed is closed
 * at release, so that the next user never inherits its state.
 */
export class Lease implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #ports: LeasePorts;
  readonly #inFlight: InFlight;
  #released = false;
  #changed = false;
  #inMulti = false;
  #watching = false;

  /** @internal made by `RedisManager.lease()` */
  constructor(connection: Connection, ports: LeasePorts) {
    this.#connection = connection;
    this.#ports = ports;
    this.#inFlight = new InFlight({ clock: ports.clock, send: (command, sink) => connection.send(command, sink) });
  }

  /**
   * Sends a command on this connection.
   * @throws ServerError, ConnectionError, TimeoutError, ClosedError after release, ConfigError for what no connection can take
   */
  async command<T = unknown>(command: Command, options: CommandOptions = {}): Promise<T> {
    if (this.#released) throw new ClosedError('The lease');
    const wire = toWire(command);
    checkLeased(wire);
    const { signal } = options;
    signal?.throwIfAborted();
    const timeoutMs = this.#deadline(wire, options.timeout);
    this.#note(wire);
    const wait = { mode: options.reply ?? 'text', timeoutMs, signal, idempotent: false };
    return (await this.#inFlight.send(wire, wait)) as T;
  }

  /** Gives the connection back. Calling it twice does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#inFlight.stop();
    const clean = this.#inFlight.count === 0 && !this.#changed && !this.#inMulti && !this.#watching;
    this.#ports.pool.giveBack(this.#connection, clean);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #deadline(wire: WireCommand, timeout: Duration | undefined): number | undefined {
    if (timeout !== undefined) return toMs(timeout, 'command.timeout');
    return connectionEffect(wire) === 'blocks' ? undefined : this.#ports.commandTimeoutMs;
  }

  /** Keeps track of what the command leaves behind on the connection. */
  #note(wire: WireCommand): void {
    if (connectionEffect(wire) !== 'state') return;
    const name = commandName(wire);
    if (name === 'MULTI') this.#inMulti = true;
    else if (name === 'WATCH') this.#watching = true;
    else if (name === 'EXEC' || name === 'DISCARD') this.#inMulti = this.#watching = false;
    else if (name === 'UNWATCH') this.#watching = false;
    else this.#changed = true;
  }
}
