import { toMs, type Duration } from '../../core/duration.js';
import { ClosedError } from '../../core/errors.js';
import type { Clock } from '../../core/clock.js';
import { type Command, type CommandOptions, toWire } from '../calls/command.js';
import { ConnectionChanges } from './connection-changes.js';
import { InFlight } from '../calls/in-flight.js';
import type { Loan } from './loan.js';
import { checkLeased, connectionEffect } from '../calls/shared-commands.js';

export interface LeaseOptions {
  /** How long to wait for a connection, making one included. Default: the pool's `acquireTimeout`. */
  readonly timeout?: Duration | undefined;
  readonly signal?: AbortSignal | undefined;
  /** In a cluster: a key of the slot that the commands are for. Default: any node. Elsewhere it means nothing. */
  readonly key?: string | undefined;
}

/** What a lease needs of whoever lends. */
export interface Lender {
  readonly clock: Clock;
  readonly commandTimeoutMs: number;
  readonly database: number;
  /** The manager is closing: nothing is to wait for long. */
  readonly isDraining: boolean;
  /** The server refused a write because it is no primary. */
  suspect(): void;
  ended(loan: Loan, changes: ConnectionChanges, busy: boolean): void;
}

/**
 * A dedicated connection, for commands that block or that change the connection (`BLPOP`, `WATCH`, `MULTI`, `SELECT`,
 * `WAIT`). Give it back with `release()` or `await using`.
 *
 * A blocking command has no deadline unless it is given one; every other has the manager's. While the manager closes,
 * a command that blocks is answered as if its time had come, where the server lets us ask for that, and a new one is
 * refused with a `ClosedError`.
 *
 * The next user never inherits the state of the connection: an open `MULTI`, watched keys and another database are
 * undone after release; a connection that was changed in any other way, on which a wait ended before its reply came, or
 * whose server turned out to be a replica (`READONLY`), is closed.
 */
export class Lease implements AsyncDisposable {
  readonly #loan: Loan;
  readonly #lender: Lender;
  readonly #changes: ConnectionChanges;
  readonly #inFlight: InFlight;
  #released = false;

  /** @internal made by `RedisManager.lease()` */
  constructor(loan: Loan, lender: Lender) {
    this.#loan = loan;
    this.#lender = lender;
    this.#changes = new ConnectionChanges(lender.database);
    // by way of `this`: a lease on which something is in flight is not forgotten, whoever dropped it
    this.#inFlight = new InFlight({
      clock: lender.clock,
      leased: true,
      send: (command, sink) => this.#loan.pooled.connection.send(command, sink),
      suspect: () => {
        this.#changes.spoil();
        lender.suspect();
      },
    });
  }

  /**
   * Sends a command on this connection.
   * @throws ServerError, ConnectionError, TimeoutError, ClosedError after release, ConfigError for what no connection can take
   */
  async command<T = unknown>(command: Command, options: CommandOptions = {}): Promise<T> {
    if (this.#released) throw new ClosedError('The lease');
    const wire = toWire(command);
    checkLeased(wire);
    const { signal, timeout } = options;
    signal?.throwIfAborted();
    const blocks = connectionEffect(wire) === 'blocks';
    if (blocks && this.#lender.isDraining) throw new ClosedError('The manager');
    const { commandTimeoutMs } = this.#lender;
    const fallbackMs = blocks ? undefined : commandTimeoutMs;
    const timeoutMs = timeout === undefined ? fallbackMs : toMs(timeout, 'command.timeout');
    this.#changes.note(wire);
    this.#loan.pooled.connection.inMulti = this.#changes.inMulti;
    const mode = options.reply ?? 'text';
    const sent = this.#inFlight.send(wire, { mode, timeoutMs, signal, blocks, idempotent: false });
    return (await (blocks ? this.#blocked(sent) : sent)) as T;
  }

  /** Gives the connection back. Calling it twice does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#inFlight.stop();
    // what undoes it is the next to be sent
    this.#loan.pooled.connection.inMulti = false;
    this.#lender.ended(this.#loan, this.#changes, this.#inFlight.count > 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  async #blocked<T>(reply: Promise<T>): Promise<T> {
    this.#loan.blocked += 1;
    try {
      return await reply;
    } finally {
      this.#loan.blocked -= 1;
    }
  }
}
