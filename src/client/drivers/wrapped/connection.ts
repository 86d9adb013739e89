import { ignore } from '../../../core/abort.js';
import { ServerError } from '../../../core/errors.js';
import type { Clock } from '../../../core/clock.js';
import type { Connection, IncomingMessage, ReplySink, SubscriptionKind, WireCommand } from '../../driver.js';
import { request } from '../../request.js';
import type { Settings } from '../../config/settings.js';
import { connectError } from '../wire/connect-error.js';
import type { DedicatedClient } from './adapter.js';
import { withinAttempt } from './attempt.js';
import { callError, isErrorReply, lost } from './call-error.js';
import { Handover } from './handover.js';

/** One life of a duplicate of the user's client. It belongs to this library and ends with the connection. */
export class WrappedConnection implements Connection {
  readonly #client: DedicatedClient;
  readonly #endpoint: string;
  readonly #handover: Handover;
  #ended: Error | undefined;
  /** The client has a buffer of its own without a bound to ask for. */
  readonly writable = true;
  onMessage: (message: IncomingMessage) => void = () => {};
  onWritable: () => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  private constructor(client: DedicatedClient, endpoint: string) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#handover = new Handover(endpoint, ignore);
    client.onMessage = (message) => this.onMessage(message);
    client.onEnd = (cause) => this.#end(cause);
  }

  /**
   * Connects and pings once, within `connectTimeoutMs` for all of it.
   * @throws ConnectionError with the reason of this one attempt, or `signal.reason`
   */
  static async open(
    client: DedicatedClient,
    { settings, clock }: { readonly settings: Settings; readonly clock: Clock },
    signal: AbortSignal | undefined,
  ): Promise<WrappedConnection> {
    const connection = new WrappedConnection(client, settings.endpoint);
    const greeted = client.connect().then(() => request(connection, ['PING']));
    try {
      await withinAttempt(greeted, { clock, timeoutMs: settings.connectTimeoutMs, signal });
      return connection;
    } catch (error) {
      connection.destroy();
      if (signal?.aborted === true) throw signal.reason;
      throw connectError(isErrorReply(error) ? new ServerError(error.message, 'connect') : error, settings);
    }
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  send(command: WireCommand, sink: ReplySink): void {
    if (this.#ended !== undefined) return sink.reject(lost(this.#endpoint, 'not-sent', this.#ended));
    this.#handover.give(sink, () => this.#client.call(command, sink.mode));
  }

  subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    return this.#acknowledged(kind === 'channel' ? 'SUBSCRIBE' : 'PSUBSCRIBE', () =>
      this.#client.subscribe(kind, name),
    );
  }

  unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    const operation = kind === 'channel' ? 'UNSUBSCRIBE' : 'PUNSUBSCRIBE';
    return this.#acknowledged(operation, () => this.#client.unsubscribe(kind, name));
  }

  destroy(): void {
    this.#end(new Error('the connection was closed by this side'));
  }

  async #acknowledged(operation: string, ask: () => Promise<void>): Promise<void> {
    if (this.#ended !== undefined) throw lost(this.#endpoint, 'not-sent', this.#ended);
    try {
      await ask();
    } catch (error) {
      throw callError(error, { operation, endpoint: this.#endpoint });
    }
  }

  #end(cause: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    this.#client.destroy();
    this.#handover.rejectAll(() => lost(this.#endpoint, 'unknown', cause));
    this.onEnd(lost(this.#endpoint, 'unknown', cause));
  }
}
