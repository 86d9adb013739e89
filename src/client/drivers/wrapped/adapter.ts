import type { RedisOptions } from '../../config/redis-options.js';
import type { IncomingMessage, ReplyMode, SubscriptionKind, WireCommand } from '../../driver.js';
import type { Unsent } from './unsent.js';

/** The same in two installed copies of the package. */
const ADAPTER = Symbol.for('redis-utils.client-adapter');

/** `away`: not connected just now, and trying. `closed`: ended by its owner, or it has given up. */
export type ClientState = 'ready' | 'away' | 'closed';

/** What a client tells about itself. */
export interface ClientEvents {
  ready(): void;
  lost(cause: Error): void;
  /** It tries again after `delayMs`; 0 when it does so now. */
  retry(delayMs: number): void;
}

/** A client of another package in the terms of this library: what `nodeRedis()` and `ioredis()` make. */
export interface ClientAdapter {
  /** Which package's client it is; iovalkey counts as ioredis. */
  readonly family: 'node-redis' | 'ioredis';
  /** @internal */
  readonly [ADAPTER]: true;
  /** @internal Where it is connected to, as options of this library, without credentials. */
  readonly place: RedisOptions;
  /** @internal The setting that would keep it from sending again what may have run; undefined when it never does. */
  readonly atMostOnceSetting: string | undefined;
  /** @internal It holds commands back while it is away, instead of failing them. */
  readonly queuesOffline: boolean;
  /** @internal Commands in flight when its connection is lost are never settled by it. */
  readonly forgets: boolean;
  /** @internal */
  readonly state: ClientState;
  /** @internal Connects a client that waits for its first command. */
  start(): void;
  /** @internal @param unsent when it aborts, what was not written yet is dropped, where the client can do that */
  call(command: WireCommand, mode: ReplyMode, unsent: Unsent): Promise<unknown>;
  /** @internal Returns what removes every listener. */
  listen(events: ClientEvents): () => void;
  /** @internal A client of the same settings with a connection of its own, not connected yet. */
  duplicate(connectTimeoutMs: number): DedicatedClient;
}

/** A duplicate that this library owns: one life, no reconnecting, no queue. */
export interface DedicatedClient {
  onMessage: (message: IncomingMessage) => void;
  /** May be called more than once. */
  onEnd: (cause: Error) => void;
  connect(): Promise<void>;
  call(command: WireCommand, mode: ReplyMode): Promise<unknown>;
  subscribe(kind: SubscriptionKind, name: string): Promise<void>;
  unsubscribe(kind: SubscriptionKind, name: string): Promise<void>;
  /** Ends the connection at once. May be repeated. */
  destroy(): void;
}

/** Marks an adapter, so that `wrap` takes it as it is. */
export function adapter(parts: Omit<ClientAdapter, typeof ADAPTER>): ClientAdapter {
  return Object.defineProperty(parts, ADAPTER, { value: true }) as ClientAdapter;
}

export function isAdapter(value: unknown): value is ClientAdapter {
  return typeof value === 'object' && value !== null && (value as Partial<ClientAdapter>)[ADAPTER] === true;
}
