import { ignore } from '../../../core/abort.js';
import { wrong } from '../../../core/check.js';
import { formatAddress } from '../../config/address.js';
import { nameOf } from '../../calls/command-facts.js';
import type { IncomingMessage, ReplyMode, SubscriptionKind, WireCommand } from '../../driver.js';
import type { RedisOptions } from '../../config/redis-options.js';
import { adapter, type ClientAdapter, type ClientState, type DedicatedClient } from './adapter.js';
import { isIoredis, notAClient } from './recognize.js';

/** A single client of ioredis 5 or 6 or of iovalkey, by what is used of it. */
export interface IoredisClient {
  readonly status: string;
  readonly options: object;
  call(command: string, args: (string | Buffer)[]): Promise<unknown>;
  callBuffer(command: string, args: (string | Buffer)[]): Promise<unknown>;
  duplicate(override?: object): unknown;
  disconnect(): void;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

type Listener = (...values: unknown[]) => void;

interface Connectable extends IoredisClient {
  readonly mode?: string;
  connect(): Promise<void>;
}

interface IoredisOptions {
  readonly host?: string | null;
  readonly port?: number | string | null;
  readonly path?: string | null;
  readonly db?: number | string | null;
  readonly tls?: object | null;
  readonly sentinels?: readonly { readonly host?: string; readonly port?: number }[] | null;
  readonly name?: string | null;
  readonly enableOfflineQueue?: boolean;
  readonly autoResendUnfulfilledCommands?: boolean;
  readonly keyPrefix?: string | Buffer;
  readonly stringNumbers?: boolean;
}

/**
 * A client of ioredis 5 or 6 or of iovalkey, also one that finds its server by sentinels, for `RedisManager.wrap`.
 *
 * With its default `autoResendUnfulfilledCommands: true` it sends again, after a lost connection, what may have run. So
 * `capabilities.atMostOnce` is false, and what could do harm by running twice refuses the manager: `DistributedLock`,
 * `RateLimiter`, `PubSubManager` and `SessionManager`, and of a cache `increment`, `setIfAbsent` and `getAndDelete`. The
 * cure is `autoResendUnfulfilledCommands: false`; if your own code relies on the default, wrap a duplicate of the client
 * that has it. With it the client never settles what is in flight when its connection is lost; the commands of this
 * library are settled all the same, with outcome `unknown`. `reconnectOnError` must not return 2 for a command that
 * may have changed something before it failed.
 *
 * Its replies have the shapes of RESP2 (`capabilities.resp3` is false): maps are flat arrays, doubles are strings. Only
 * ioredis 6 with `replyMapping: 'resp3'` gives those of RESP3. With `enableOfflineQueue: false` commands fail at once
 * while it is not connected.
 *
 * @param client connected, connecting, or lazy: then it is connected now. It stays yours to close. Choose the database
 *        by its options, not by `SELECT`.
 * @throws ConfigError `RU_CONFIG` for anything else, a cluster or a client in subscriber or monitor mode; for
 *         `keyPrefix`, with which other processes would not find the same keys, and for `stringNumbers`
 */
export function ioredis(client: IoredisClient): ClientAdapter {
  if (!isIoredis(client)) throw notAClient('a single client of ioredis or iovalkey', client);
  const options = client.options as IoredisOptions;
  check(client as Connectable, options);
  const resends = options.autoResendUnfulfilledCommands !== false;
  return adapter({
    family: 'ioredis',
    place: placeOf(options),
    atMostOnceSetting: resends ? 'autoResendUnfulfilledCommands: false' : undefined,
    queuesOffline: options.enableOfflineQueue !== false,
    forgets: !resends,
    get state() {
      return stateOf(client.status);
    },
    start: () => {
      if (client.status === 'wait') (client as Connectable).connect().catch(ignore);
    },
    call: (command, mode) => call(client, command, mode),
    listen: (events) => {
      let cause: Error | undefined;
      const lost = (): void => {
        events.lost(cause ?? new Error('the connection was closed'));
        cause = undefined;
      };
      const listeners: [event: string, listener: Listener][] = [
        ['ready', () => events.ready()],
        ['error', (error) => void (cause = error as Error)],
        ['close', () => lost()],
        ['end', () => events.lost(new Error('the client was closed'))],
        ['reconnecting', (delayMs) => events.retry(Number(delayMs))],
      ];
      for (const [event, listener] of listeners) client.on(event, listener);
      return () => {
        for (const [event, listener] of listeners) client.off(event, listener);
      };
    },
    duplicate: (connectTimeoutMs) => new IoredisDuplicate(client, connectTimeoutMs),
  });
}

function check(client: Connectable, { keyPrefix, stringNumbers }: IoredisOptions): void {
  if (client.mode !== undefined && client.mode !== 'normal') {
    throw wrong('client', `one that takes commands, not in ${client.mode} mode`, client);
  }
  if (keyPrefix !== undefined && keyPrefix.length > 0) {
    throw wrong('client.keyPrefix', 'empty – use `prefix`, and client.duplicate({ keyPrefix: "" })', keyPrefix);
  }
  if (stringNumbers === true) throw wrong('client.stringNumbers', 'false', stringNumbers);
}

function stateOf(status: string): ClientState {
  if (status === 'ready') return 'ready';
  return status === 'end' ? 'closed' : 'away';
}

/** Its names for commands are in small letters: in capitals their replies come as they are, not rearranged. */
function call(client: IoredisClient, command: WireCommand, mode: ReplyMode): Promise<unknown> {
  const args = command.slice(1);
  return mode === 'bytes' ? client.callBuffer(nameOf(command), args) : client.call(nameOf(command), args);
}

function placeOf({ host, port, path, db, tls, sentinels, name }: IoredisOptions): RedisOptions {
  const rest = { db: Number(db ?? 0) };
  const secure = { tls: tls !== undefined && tls !== null, ...rest };
  if (sentinels !== undefined && sentinels !== null && sentinels.length > 0) {
    const nodes = sentinels.map((node) => formatAddress({ host: node.host ?? 'localhost', port: node.port ?? 26_379 }));
    return { sentinel: { nodes, master: name ?? '' }, ...secure };
  }
  if (typeof path === 'string' && path !== '') return { socketPath: path, ...rest };
  return { host: host ?? 'localhost', port: Number(port ?? 6379), ...secure };
}

/** Whatever would bring the connection back, keep commands for it, or end a command before the connection ends. */
const ONE_LIFE = {
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: null,
  reconnectOnError: null,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
  // it ends connections by FIN and destroys them after this time; 0 would wait for ever where the peer is gone
  disconnectTimeout: 1,
};

class IoredisDuplicate implements DedicatedClient {
  readonly #client: Connectable;
  #cause: Error | undefined;
  onMessage: (message: IncomingMessage) => void = () => {};
  onEnd: (cause: Error) => void = () => {};

  constructor(original: IoredisClient, connectTimeoutMs: number) {
    this.#client = original.duplicate({ ...ONE_LIFE, connectTimeout: connectTimeoutMs }) as Connectable;
    const end = (): void => this.onEnd(this.#cause ?? new Error('the connection was closed'));
    const listeners: [event: string, listener: Listener][] = [
      ['error', (error) => void (this.#cause ??= error as Error)],
      ['close', end],
      ['end', end],
      ['messageBuffer', (channel, payload) => this.#deliver('channel', channel, { channel, payload })],
      ['pmessageBuffer', (pattern, channel, payload) => this.#deliver('pattern', pattern, { channel, payload })],
    ];
    for (const [event, listener] of listeners) this.#client.on(event, listener);
  }

  async connect(): Promise<void> {
    try {
      await this.#client.connect();
    } catch (error) {
      // it says only that the connection was closed; what it told before says why
      throw this.#cause ?? error;
    }
  }

  call(command: WireCommand, mode: ReplyMode): Promise<unknown> {
    return call(this.#client, command, mode);
  }

  async subscribe(kind: SubscriptionKind, name: string): Promise<void> {
    await this.#client.call(kind === 'channel' ? 'subscribe' : 'psubscribe', [name]);
  }

  async unsubscribe(kind: SubscriptionKind, name: string): Promise<void> {
    await this.#client.call(kind === 'channel' ? 'unsubscribe' : 'punsubscribe', [name]);
  }

  destroy(): void {
    this.#client.disconnect();
  }

  #deliver(
    kind: SubscriptionKind,
    name: unknown,
    { channel, payload }: { readonly channel: unknown; readonly payload: unknown },
  ): void {
    this.onMessage({ kind, name: String(name), channel: String(channel), payload: payload as Buffer });
  }
}
