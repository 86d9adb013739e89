/**
 * The driver port: what the library needs from whatever speaks to Redis, declared by its consumer. Above it nothing
 * knows which client, topology or engine serves it; below it nothing knows about deadlines, pools, modules or values.
 *
 * Contract, which the conformance suite runs on every driver:
 * - Commands sent in one tick leave together, in the order of the calls; replies keep that order.
 * - A command is sent at most once. What may have run is never sent again.
 * - Every sink is settled exactly once, with the reply or with an error of this library: `ServerError` for an error
 *   reply, else `ConnectionError` with its outcome.
 * - Deadlines are not the driver's: it may leave a command unsettled for as long as the connection lives, and settles
 *   it when the connection ends or is destroyed.
 */

import type { LatencySummary } from '../core/latencies.js';

/** A command as it goes onto the wire. Uint8Arrays that are no Buffers have been turned into Buffers above. */
export type WireCommand = readonly (string | Buffer)[];

/** How bulk and simple strings of the reply are delivered. Keys of maps are strings in both modes. */
export type ReplyMode = 'text' | 'bytes';

/**
 * A reply in RESP3 terms: null, integers and doubles as numbers, booleans, big numbers as bigint, strings by
 * `ReplyMode`, arrays and sets as arrays, maps as objects without a prototype. An error inside an array (from `EXEC`)
 * is a `ServerError` value.
 */
export type Reply = null | boolean | number | bigint | string | Buffer | Error | readonly Reply[] | ReplyMap;
export interface ReplyMap {
  readonly [key: string]: Reply;
}

/** Whoever waits for the reply of one command. Exactly one of `resolve` and `reject` is called, once. */
export interface ReplySink {
  /** The command's name, for errors. */
  readonly operation: string;
  readonly mode: ReplyMode;
  /** The reply may take as long as it likes: its silence says nothing about the connection. */
  readonly blocks: boolean;
  /** Set when the command is handed to a socket: from then on it may run. */
  sent: boolean;
  /** Nobody waits any more: a command that was not sent yet is not to be sent. */
  readonly abandoned: boolean;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

export type SubscriptionKind = 'channel' | 'pattern';

/** A message as it came: `name` is what was subscribed to (the channel or the pattern). */
export interface IncomingMessage {
  readonly kind: SubscriptionKind;
  readonly name: string;
  readonly channel: string;
  readonly payload: Buffer;
}

/** How the server knows a connection. */
export interface ConnectionIdentity {
  /** `CLIENT ID`. */
  readonly id: number;
  /** `addr` in `CLIENT LIST`, if nothing on the way translates addresses. */
  readonly address: string;
}

/** What a connection knows of itself and of its server. */
export interface ConnectionVitals {
  /** As the server introduced itself: `master` or `replica`; undefined before that. */
  readonly role: string | undefined;
  readonly version: string | undefined;
  /** The wall clock when it was made. */
  readonly sinceMs: number;
  /** Commands that were sent and have not been answered. */
  readonly inFlight: number;
  /** Of a sample of the commands: from the call to the reply, the time that the server took included. */
  readonly roundTrips: LatencySummary;
}

/** One connection with one life: it never reconnects by itself, and says once when it has ended. */
export interface Connection {
  /** False as soon as the connection has ended; every later command fails with outcome `not-sent`. */
  readonly alive: boolean;
  /** False while the peer does not keep up: commands that can wait are better kept back until `onWritable`. */
  readonly writable: boolean;
  /** Absent or undefined where it is not known. */
  readonly identity?: ConnectionIdentity | undefined;
  /** Absent where it is not known. */
  readonly vitals?: ConnectionVitals;
  /**
   * Set by the one who has the connection: its commands are being queued for `EXEC`. What the driver would send on its
   * own would be queued among them, so it sends nothing meanwhile.
   */
  inMulti?: boolean;
  send(command: WireCommand, sink: ReplySink): void;
  /** Resolves after the server's acknowledgement. Each name is asked for by itself, so that one fails alone. */
  subscribe(kind: SubscriptionKind, name: string): Promise<void>;
  unsubscribe(kind: SubscriptionKind, name: string): Promise<void>;
  /**
   * From the acknowledgement on the server tells of every key that begins with `prefix` and is changed, removed or
   * found expired, whoever does it, this process included (`CLIENT TRACKING ON BCAST`). Keys of all databases are meant,
   * by their name alone. To be called once: prefixes on one connection must not overlap. Rejects with `ServerError`
   * where the server refuses. Absent where the connection cannot be told.
   */
  trackInvalidations?(prefix: string): Promise<void>;
  /**
   * Called with keys that have changed; undefined stands for all keys. Must not throw. Set before `trackInvalidations`.
   *
   * A change is told at the end of the server's turn, so the answer to a command of the same turn may come before it.
   * It comes before the answer to any command that is sent after that answer.
   */
  onInvalidate?: (keys: readonly string[] | undefined) => void;
  /** Called for each message, in order. Must not throw. Set before the first `subscribe`. */
  onMessage: (message: IncomingMessage) => void;
  /** Called when `writable` has become true again. */
  onWritable: () => void;
  /**
   * Called with the length of the silence when commands have been waiting for half of `unresponsiveAfter` and not a
   * byte arrived; and with undefined when something does arrive after all. Some connections never notice.
   */
  onSilence?: (silentMs: number | undefined) => void;
  /** Called exactly once, when the connection ends for any reason, `destroy` included. */
  onEnd: (cause: Error) => void;
  /** Ends the connection now. What is in flight rejects with outcome `unknown`. */
  destroy(): void;
}

/** What a driver tells about its main connection. */
export type DriverEvent =
  | { readonly type: 'up' }
  | { readonly type: 'down'; readonly cause: Error }
  /** It is up and works badly, or in part: the server is silent, or a node of several is away. */
  | { readonly type: 'degraded'; readonly cause: Error }
  /** It is up, and no longer degraded. */
  | { readonly type: 'recovered' }
  /** A failure that concerns no command, such as credentials that could not be refreshed. */
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly cause: Error };

/** How one server that the driver talks to is doing. */
export interface NodeStatus {
  /** Without credentials. */
  readonly endpoint: string;
  /** Connected, and not silent while commands wait. */
  readonly ok: boolean;
  /** As the server introduced itself to the present connection: `master` or `replica`. Undefined while there is none. */
  readonly role: string | undefined;
  readonly version: string | undefined;
  /**
   * Of the last commands that were sampled on the present connection: from the call to the reply, the time that the
   * server took included.
   */
  readonly roundTripMs: { readonly p50: number | undefined; readonly p99: number | undefined };
  /** Commands that were sent and have not been answered. */
  readonly inFlight: number;
  /** Commands that wait here to be sent, and about how many bytes they are. */
  readonly queued: { readonly commands: number; readonly bytes: number };
  /** `open`: after `breaker.failures` failed attempts in a row commands are refused at once. */
  readonly breaker: 'closed' | 'open';
  /** Why the connection was lost or could not be made, the last time; also when that is over. */
  readonly lastError: Error | undefined;
  readonly connectedSince: Date | undefined;
}

/** Which connection is wanted, where there is more than one server. */
export interface OpenHint {
  /** As `nodeOf` named it. */
  readonly node: string;
}

/** What the client under a manager allows to promise. Everything is true unless another package's client was wrapped. */
export interface Capabilities {
  /**
   * A command is sent at most once. False: the client sends again, after a lost connection, what may have run; then
   * whatever could do harm by running twice refuses the manager, with the setting that cures it.
   */
  readonly atMostOnce: boolean;
  /** Replies have the shapes of RESP3. False: those of RESP2, where maps are flat arrays and doubles are strings. */
  readonly resp3: boolean;
  /**
   * A connection that is up and silent is replaced (`unresponsiveAfter`, `heartbeat`). False: until the client notices
   * by its own means, if it has any, commands on it end by their deadlines.
   */
  readonly watchdog: boolean;
  /** The server can tell of changed keys (`CLIENT TRACKING`). False: what it would tell does not come through. */
  readonly invalidations: boolean;
}

/** The shared main connection, which comes back by itself, and a source of dedicated ones. */
export interface Driver {
  /** Where commands go, without credentials: `redis://cache.internal:6379/0`, `memory://dev`. */
  readonly endpoint: string;
  /** What it can promise, once it is connected. Absent: everything. */
  readonly capabilities?: Capabilities;
  /** The setting of its client that would make it send at most once, where it does not. */
  readonly atMostOnceSetting?: string | undefined;
  /** Connects for the first time. Rejects with the first attempt's typed reason; retries nothing. */
  connect(signal: AbortSignal | undefined): Promise<void>;
  send(command: WireCommand, sink: ReplySink): void;
  /** A dedicated connection, authenticated and on the configured database. */
  open(signal: AbortSignal | undefined, hint?: OpenHint): Promise<Connection>;
  /** The server that answers for a key just now. Absent where there is one for all. */
  nodeOf?(key: string): string;
  /** Present in a cluster: commands may only have keys of one and the same slot. */
  slotOf?(key: string): number;
  /**
   * A command was refused because the server is no primary: look whether another one is. Cheap to call often; looks at
   * most once per second or so, and replaces the main connection without a loss.
   */
  suspect?(): void;
  /** How each server is doing to which commands are sent. Absent where that is not known. Costs no round trip. */
  nodes?(): readonly NodeStatus[];
  /** Names of all nodes that keys are read from just now, for `OpenHint.node`. Absent where there is one for all. */
  primaries?(): readonly string[];
  /** Called when `primaries` may give others than before. */
  onPrimaries?: () => void;
  onEvent: (event: DriverEvent) => void;
  /** Ends the main connection and stops reconnecting. Dedicated connections belong to whoever opened them. */
  destroy(): void;
}
