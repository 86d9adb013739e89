import { isIP } from 'node:net';

import { createClient, ErrorReply } from '@redis/client';

import { ConnectionError, ServerError } from '../../../core/errors.js';
import type { Clock } from '../../../core/clock.js';
import { commandName } from '../../command.js';
import type { Settings } from '../../settings.js';
import type { Connection, IncomingMessage, Reply, ReplyMode, SubscriptionKind, WireCommand } from '../../driver.js';
import { connectError } from './connect-error.js';
import { failOnPlainPort } from './plain-port.js';
import { BYTES, type RawReply, TEXT, toReply } from './reply.js';

/** The part of a `@redis/client` client that this driver uses; its own type is too deep to pass around. */
interface RawClient {
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: WireCommand, options?: typeof TEXT): Promise<RawReply>;
  subscribe(channel: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  pSubscribe(pattern: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  unsubscribe(channel: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  pUnsubscribe(pattern: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  on(event: string, listener: (value: Error) => void): unknown;
}

type MessageListener = (payload: Buffer, channel: Buffer) => void;

/**
 * One life of a `@redis/client` client: it never reconnects, queues nothing while it is not connected, has no timeout
 * per command (which would allocate an `AbortSignal` each), and is always destroyed, never closed. All that is left
 * of the client is its socket, its encoder and its decoder.
 */
export class NodeRedisConnection implements Connection {
  readonly #client: RawClient;
  readonly #endpoint: string;
  readonly #listeners = new Map<string, MessageListener>();
  #ended: Error | undefined;
  onMessage: (message: IncomingMessage) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  private constructor(client: RawClient, endpoint: string) {
    this.#client = client;
    this.#endpoint = endpoint;
  }

  /**
   * Connects, greets and pings once, within `connectTimeoutMs` for all of it.
   * @throws ConnectionError with the reason of this one attempt, or `signal.reason`
   */
  static async open(settings: Settings, clock: Clock, signal: AbortSignal | undefined): Promise<NodeRedisConnection> {
    signal?.throwIfAborted();
    const client = createClient(clientOptions(settings)) as unknown as RawClient;
    const connection = new NodeRedisConnection(client, settings.endpoint);
    const attempt = new AbortController();
    try {
      await Promise.race([
        connection.#greet(),
        failAfter(settings.connectTimeoutMs, { clock, signal, attempt: attempt.signal }),
        failOnPlainPort(settings, clock, attempt.signal),
      ]);
      return connection;
    } catch (error) {
      connection.destroy();
      if (signal?.aborted === true) throw signal.reason;
      throw connectError(error, settings);
    } finally {
      attempt.abort();
    }
  }

  async #greet(): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#client.on('error', (error) => {
        reject(error);
        this.#end(error);
      });
    });
    this.#client.on('end', () => this.#end(new Error('the connection was closed')));
    await Promise.race([this.#client.connect().then(() => this.#client.sendCommand(['PING'])), failed]);
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  send(command: WireCommand, mode: ReplyMode): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(this.#lost(this.#ended, 'not-sent'));
    return this.#client.sendCommand(command, mode === 'bytes' ? BYTES : TEXT).then(
      (raw) => (typeof raw === 'object' && raw !== null ? toReply(raw, commandName(command)) : raw),
      (error: unknown) => {
        throw this.#translate(error, command);
      },
    );
  }

  async subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    const listener: MessageListener = (payload, channel) =>
      this.onMessage({ kind, name, channel: channel.toString(), payload });
    this.#listeners.set(`${kind}:${name}`, listener);
    try {
      if (kind === 'channel') await this.#client.subscribe(name, listener, true);
      else await this.#client.pSubscribe(name, listener, true);
    } catch (error) {
      this.#listeners.delete(`${kind}:${name}`);
      throw this.#translate(error, [kind === 'channel' ? 'SUBSCRIBE' : 'PSUBSCRIBE']);
    }
  }

  async unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    const listener = this.#listeners.get(`${kind}:${name}`);
    if (listener === undefined) return;
    this.#listeners.delete(`${kind}:${name}`);
    try {
      if (kind === 'channel') await this.#client.unsubscribe(name, listener, true);
      else await this.#client.pUnsubscribe(name, listener, true);
    } catch (error) {
      throw this.#translate(error, [kind === 'channel' ? 'UNSUBSCRIBE' : 'PUNSUBSCRIBE']);
    }
  }

  destroy(): void {
    this.#end(new Error('the connection was closed by this side'));
  }

  #end(cause: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    this.#client.destroy();
    this.onEnd(this.#lost(cause, 'unknown'));
  }

  #translate(error: unknown, command: WireCommand): Error {
    if (error instanceof ErrorReply) return new ServerError(error.message, commandName(command));
    return this.#lost(error, 'unknown');
  }

  #lost(cause: unknown, outcome: 'not-sent' | 'unknown'): ConnectionError {
    const what = outcome === 'unknown' ? 'was lost – the server may have run the command' : 'is lost, nothing was sent';
    return new ConnectionError(`The connection to ${this.#endpoint} ${what}`, {
      endpoint: this.#endpoint,
      reason: 'lost',
      outcome,
      cause,
    });
  }
}

/** The client's own timeout ends with the TCP handshake; a server that accepts and is silent needs one for all of it. */
function failAfter(
  timeoutMs: number,
  { clock, signal, attempt }: { clock: Clock; signal: AbortSignal | undefined; attempt: AbortSignal },
): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    const timer = clock.timer(timeoutMs, () => reject(new Error('connect timeout')));
    signal?.addEventListener('abort', onAbort, { once: true });
    attempt.addEventListener('abort', () => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}

function clientOptions(settings: Settings): Parameters<typeof createClient>[0] {
  const shared = { connectTimeout: settings.connectTimeoutMs, reconnectStrategy: false as const };
  const { target, tls } = settings;
  if (target.kind !== 'unix' && target.kind !== 'tcp') throw new TypeError(`${target.kind} is not one server`);
  const address = target.kind === 'unix' ? { path: target.path } : { host: target.host, port: target.port };
  // neither Node nor the client sends SNI by itself; a literal IP address must not be sent as one
  const servername = target.kind === 'tcp' && isIP(target.host) === 0 ? { servername: target.host } : {};
  const socket =
    tls === undefined ? { ...shared, ...address } : { ...shared, ...address, ...servername, ...given(tls), tls: true };
  return {
    RESP: 3,
    socket,
    database: settings.db,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    commandOptions: { timeout: undefined },
    ...given({ username: settings.username, password: settings.password, name: settings.clientName }),
  } as unknown as Parameters<typeof createClient>[0];
}

/** Only the fields that have a value: an explicit `undefined` means something else to the client. */
function given(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
