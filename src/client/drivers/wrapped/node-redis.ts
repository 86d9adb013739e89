import { ignore } from '../../../core/abort.js';
import type { IncomingMessage, ReplyMode, SubscriptionKind, WireCommand } from '../../driver.js';
import type { RedisOptions } from '../../config/redis-options.js';
import { adapter, type ClientAdapter, type DedicatedClient } from './adapter.js';
import { isNodeRedis, notAClient } from './recognize.js';

/** A single client of `@redis/client` or `redis`, 5 or 6, by what is used of it. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: object | undefined;
  sendCommand(args: readonly (string | Buffer)[], options?: object): Promise<unknown>;
  duplicate(overrides?: object): unknown;
  on(event: string, listener: (value: Error) => void): unknown;
  off(event: string, listener: (value: Error) => void): unknown;
}

type MessageListener = (payload: Buffer, channel: Buffer) => void;

/** What is used of a duplicate besides. */
interface Duplicate extends NodeRedisClient {
  connect(): Promise<unknown>;
  destroy(): void;
  subscribe(channel: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  pSubscribe(pattern: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  unsubscribe(channel: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
  pUnsubscribe(pattern: string, listener: MessageListener, bufferMode: true): Promise<unknown>;
}

interface NodeRedisOptions {
  readonly socket?: {
    readonly host?: string;
    readonly port?: number | string;
    readonly path?: string;
    readonly tls?: boolean;
  };
  readonly database?: number;
  readonly disableOfflineQueue?: boolean;
}

/**
 * How the client decodes, by the first byte of a reply (RESP): maps as `Map`, since its objects have a prototype and
 * lose a field called `__proto__`; no timeout of its own, which would cost an `AbortSignal` per command and does not
 * cover the time in flight.
 */
const TEXT = { timeout: undefined, typeMapping: { 37: Map } };
const BYTES = { timeout: undefined, typeMapping: { 37: Map, 36: Buffer, 43: Buffer, 61: Buffer } };

/**
 * A client of `@redis/client` or `redis`, 5 or 6, for `RedisManager.wrap`.
 *
 * It never sends a command twice. Its `commandOptions` do not concern the commands of this library, which have
 * deadlines of their own; with `disableOfflineQueue` they fail at once while it is not connected. It misreads integers
 * at the limit of exactness (2^53 − 1 arrives as 2^53).
 *
 * @param client connected, or connecting. It stays yours to close. Choose the database by its options, not by `SELECT`.
 * @throws ConfigError `RU_CONFIG` for anything else: a cluster, a sentinel, a pool, the legacy interface
 */
export function nodeRedis(client: NodeRedisClient): ClientAdapter {
  if (!isNodeRedis(client)) throw notAClient('a single client of @redis/client or redis', client);
  const options = (client.options ?? {}) as NodeRedisOptions;
  return adapter({
    family: 'node-redis',
    place: placeOf(options),
    atMostOnceSetting: undefined,
    queuesOffline: options.disableOfflineQueue !== true,
    forgets: false,
    get state() {
      if (!client.isOpen) return 'closed';
      return client.isReady ? 'ready' : 'away';
    },
    start: ignore,
    call: (command, mode, unsent) => client.sendCommand(command, { ...decoding(mode), abortSignal: unsent }),
    listen: (events) => {
      const onError = (error: Error): void => {
        // one that comes while it is connected is of a listener or a reply, not of the connection
        if (!client.isReady) events.lost(error);
      };
      const listeners: [event: string, listener: (value: Error) => void][] = [
        ['ready', () => events.ready()],
        ['error', onError],
        ['reconnecting', () => events.retry(0)],
        ['end', () => events.lost(new Error('the client was closed'))],
      ];
      for (const [event, listener] of listeners) client.on(event, listener);
      return () => {
        for (const [event, listener] of listeners) client.off(event, listener);
      };
    },
    duplicate: (connectTimeoutMs) => new NodeRedisDuplicate(client, connectTimeoutMs),
  });
}

function decoding(mode: ReplyMode): typeof TEXT | typeof BYTES {
  return mode === 'bytes' ? BYTES : TEXT;
}

function placeOf({ socket = {}, database }: NodeRedisOptions): RedisOptions {
  const db = database === undefined ? {} : { db: database };
  if (socket.path !== undefined) return { socketPath: socket.path, ...db };
  const host = socket.host === undefined || socket.host === '' ? 'localhost' : socket.host;
  return { host, port: Number(socket.port ?? 6379), tls: socket.tls === true, ...db };
}

class NodeRedisDuplicate implements DedicatedClient {
  readonly #client: Duplicate;
  readonly #listeners = new Map<string, MessageListener>();
  onMessage: (message: IncomingMessage) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(original: NodeRedisClient, connectTimeoutMs: number) {
    const { socket } = (original.options ?? {}) as NodeRedisOptions;
    this.#client = original.duplicate({
      socket: { ...socket, connectTimeout: connectTimeoutMs, reconnectStrategy: false, socketTimeout: undefined },
      disableOfflineQueue: true,
      pingInterval: undefined,
      clientSideCache: undefined,
      emitInvalidate: false,
      maintNotifications: 'disabled',
      commandOptions: { timeout: undefined },
    }) as Duplicate;
    this.#client.on('error', (error) => this.onEnd(error));
    this.#client.on('end', () => this.onEnd(new Error('the connection was closed')));
  }

  async connect(): Promise<void> {
    await this.#client.connect();
  }

  call(command: WireCommand, mode: ReplyMode): Promise<unknown> {
    return this.#client.sendCommand(command, decoding(mode));
  }

  async subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    const listener: MessageListener = (payload, channel) =>
      this.onMessage({ kind, name, channel: channel.toString(), payload });
    this.#listeners.set(`${kind}:${name}`, listener);
    if (kind === 'channel') await this.#client.subscribe(name, listener, true);
    else await this.#client.pSubscribe(name, listener, true);
  }

  async unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    const listener = this.#listeners.get(`${kind}:${name}`);
    if (listener === undefined) return;
    this.#listeners.delete(`${kind}:${name}`);
    if (kind === 'channel') await this.#client.unsubscribe(name, listener, true);
    else await this.#client.pUnsubscribe(name, listener, true);
  }

  destroy(): void {
    try {
      this.#client.destroy();
    } catch {
      // version 5 throws when it has ended already
    }
  }
}
