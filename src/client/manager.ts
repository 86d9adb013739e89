import { type Duration, toMs } from '../core/duration.js';
import { Emitter, type Unsubscribe } from '../core/emitter.js';
import { KeySpace } from '../core/key-space.js';
import { type Runtime, runtimeWith } from '../core/runtime.js';
import { finishWithin } from './closing.js';
import type { Command, CommandArg, CommandOptions } from './calls/command.js';
import { RedisConfig } from './config/config.js';
import type { Capabilities, Driver, NodeStatus } from './driver.js';
import { openDriver } from './drivers/open-driver.js';
import type { WrappableClient } from './drivers/wrapped/adapt.js';
import { askHealth, type HealthReport } from './health.js';
import { Listening } from './listening.js';
import type { Lease, LeaseOptions } from './leases/lease.js';
import { Leases } from './leases/leases.js';
import type { DrainReport, ManagerEvents, ManagerState } from './manager-events.js';
import type { PipelineResult } from './calls/pipeline.js';
import type { RedisOptions } from './config/redis-options.js';
import { bindScript, type Script, type ScriptDef } from './script.js';
import { SharedConnection } from './calls/shared-connection.js';
import type { ServerTime } from './server-time.js';
import type { Subscriber } from './subscriptions/subscriber.js';
import type { InvalidationSink } from './tracking/invalidation-feed.js';
import type { Invalidations, InvalidationTarget } from './tracking/invalidation-feeds.js';
import type { Transaction, TransactionOptions, TransactionResult } from './leases/transaction.js';
import type { WrapOptions } from './wrap-options.js';

export interface ConnectOptions extends Partial<Runtime> {
  /** Gives up connecting, with `signal.reason`. */
  readonly signal?: AbortSignal;
}

const DEFAULT_DRAIN = '2s';

/**
 * The connection of a service to one Redis or Valkey: what every module of this library is built on.
 *
 * Guarantees: every promise settles by its deadline, in flight included; a late reply reaches nobody. What may have run
 * is never sent again, unless it only reads or was declared `idempotent`; an error says whether the server may have run
 * it (`outcome`), and whether trying again makes sense (`retryable`). A connection that is lost, or up and silent, is
 * replaced with growing, jittered pauses; meanwhile commands wait within the bounds of `offlineQueue`, then fail with
 * outcome `not-sent`. Nothing is replaced by memory. `close()` always resolves in time.
 *
 * Not guaranteed: that a command with outcome `unknown` did not run; that commands of one tick run in order when they go
 * to different nodes of a cluster, or when one of them is tried again.
 */
export class RedisManager implements AsyncDisposable {
  readonly config: RedisConfig;
  /** @internal */ readonly clock: Runtime['clock'];
  /** @internal */ readonly random: Runtime['random'];
  /** @internal In a cluster, the slot of a key: what travels together must share it. Undefined elsewhere. */
  readonly slotOf: ((key: string) => number) | undefined;
  readonly #events = new Emitter<ManagerEvents>();
  readonly #connection: SharedConnection;
  readonly #leases: Leases;
  readonly #listening: Listening;
  readonly #closeHooks = new Set<() => void | Promise<void>>();
  #closing: Promise<DrainReport> | undefined;

  private constructor(config: RedisConfig, driver: Driver, runtime: Runtime) {
    this.config = config;
    this.clock = runtime.clock;
    this.random = runtime.random;
    this.#connection = new SharedConnection(driver, runtime, { events: this.#events, settings: config.settings() });
    this.slotOf = driver.slotOf === undefined ? undefined : (key) => driver.slotOf?.(key) ?? 0;
    this.#leases = new Leases(driver, {
      ...runtime,
      settings: config.settings(),
      onLeak: (leak) => this.#events.emit('leak', leak),
      report: (error) => this.reportError('lease', error),
    });
    this.#listening = new Listening(driver, {
      ...runtime,
      ackTimeoutMs: config.commandTimeoutMs,
      reportError: (source, error) => this.reportError(source, error),
    });
  }

  /**
   * Connects, or says at once why not: a bad address, certificate, password, permission or port is not retried.
   *
   * @param config a `RedisConfig`, options, or a URL
   * @throws ConfigError `RU_CONFIG`; ConnectionError `RU_CONNECTION` with `reason` and a hint in the message;
   *         the signal's reason
   * Cost: 1 connection, 2 round trips.
   */
  static async connect(
    config: RedisConfig | RedisOptions | string,
    options: ConnectOptions = {},
  ): Promise<RedisManager> {
    const checked = toConfig(config);
    options.signal?.throwIfAborted();
    const runtime = runtimeWith(options);
    const driver = await openDriver(checked, runtime);
    return RedisManager.#connected(new RedisManager(checked, driver, runtime), options.signal);
  }

  /**
   * Makes a manager of a client that is there already: of `@redis/client` or `redis` 5 and 6, of `ioredis` 5 and 6, or
   * of `iovalkey`. It waits until the client is connected, and fails with the first reason why it is not.
   *
   * The client stays yours: it connects and reconnects by its own settings, and `close()` leaves it open, with no
   * listener of ours. What needs a connection of its own (leases, subscriptions) gets a duplicate, which is ours.
   * Deadlines, signals and outcomes are as ever; what the client cannot promise is said by `capabilities`, and by the
   * doc comments of `nodeRedis()` and `ioredis()`.
   *
   * @param client the client, or what `nodeRedis(client)` of `redis-utils/node-redis` or `ioredis(client)` of
   *        `redis-utils/ioredis` has made of it
   * @param options what is not the client's own affair; anything else is refused by name
   * @throws ConfigError `RU_CONFIG` for something else, or a client that cannot be used; ConnectionError; the signal's
   *         reason
   * Cost: 1 round trip.
   */
  static async wrap(
    client: WrappableClient,
    options: WrapOptions = {},
    surroundings: ConnectOptions = {},
  ): Promise<RedisManager> {
    const runtime = runtimeWith(surroundings);
    const { openWrapped } = await import('./drivers/wrapped/open-wrapped.js');
    const { config, driver } = await openWrapped(client, options, runtime);
    return RedisManager.#connected(new RedisManager(config, driver, runtime), surroundings.signal);
  }

  static async #connected(manager: RedisManager, signal: AbortSignal | undefined): Promise<RedisManager> {
    try {
      await manager.#connection.connect(signal);
      return manager;
    } catch (error) {
      await manager.close({ drain: 1 });
      throw error;
    }
  }

  /** Where it is connected to, without credentials. */
  get endpoint(): string {
    return this.config.endpoint;
  }

  /** @internal The server's clock as last seen, for all modules. */
  get serverTime(): ServerTime {
    return this.#connection.serverTime;
  }

  /** @internal The connection that all subscriptions share. */
  get subscriber(): Subscriber {
    return this.#listening.subscriber;
  }

  get state(): ManagerState {
    return this.#connection.state;
  }

  /** What the client under this manager allows to promise; everything, unless it was made by `wrap`. */
  get capabilities(): Capabilities {
    return this.#connection.capabilities;
  }

  /**
   * Sends one command on the shared connection. Commands of one tick leave together, in order.
   *
   * Strings of the reply come as text, or as Buffers with `{ reply: 'bytes' }`; maps as objects without a prototype.
   *
   * @throws ConfigError for words that are no text, bytes or numbers, and for commands that block or change the shared
   *         connection (`BLPOP`, `SUBSCRIBE`, `MULTI`, `SELECT`, `WAIT`, …): those belong on a `lease()`
   * @throws ServerError `RU_SERVER` with the reply's first word as `replyCode`
   * @throws ConnectionError, TimeoutError with `outcome`; ClosedError; the signal's reason
   * Cost: 1 round trip.
   */
  command<T = unknown>(args: Command, options?: CommandOptions): Promise<T> {
    return this.#connection.send(args, options) as Promise<T>;
  }

  /**
   * Sends several commands in one write and gives each one's own result, in order. Not a transaction: other clients'
   * commands may run in between. Never rejects for what a command answers. Cost: 1 round trip.
   */
  pipeline(commands: readonly Command[], options?: CommandOptions): Promise<PipelineResult[]> {
    return this.#connection.pipeline(commands, options);
  }

  /**
   * A dedicated connection from the pool, for commands that block or change the connection.
   * `await using lease = await manager.lease()` gives it back by itself.
   * @throws PoolTimeoutError `RU_POOL_TIMEOUT`, ConnectionError, ClosedError, the signal's reason
   */
  lease(options: LeaseOptions = {}): Promise<Lease> {
    return this.#leases.lend(options);
  }

  /**
   * Reads, decides and writes, as if nobody else were there: `fn` runs while the keys in `watch` are watched, and what
   * it queues runs all together, only if none of those keys was changed meanwhile. Where one was, `fn` runs again, after
   * a random pause, up to `attempts` times.
   *
   * Guarantees: each commit is one unbroken `MULTI` … `EXEC` on unchanged keys, also where nothing was queued. When `fn`
   * throws, nothing was written, and its error is thrown on. Once `EXEC` was sent without an answer nothing is tried
   * again: the error has outcome `unknown`.
   *
   * Not guaranteed: that a command which fails while the transaction runs undoes the others, and anything about keys
   * that are not watched. `fn` may run several times, so what it does beside Redis must bear that. All keys of a
   * transaction are of one slot in a cluster.
   *
   * @param watch the keys on whose state the writes depend; none watches nothing
   * @returns `committed: false` when every attempt met a change
   * @throws ServerError a command that the server refuses to queue (nothing was written), or to watch · ConnectionError,
   *         TimeoutError, PoolTimeoutError, ClosedError, ConfigError, the signal's reason · whatever `fn` throws
   * Cost per attempt: 2 round trips if `fn` reads in one tick, on a leased connection.
   */
  transaction<R>(
    watch: readonly string[],
    fn: (tx: Transaction) => R | Promise<R>,
    options: TransactionOptions = {},
  ): Promise<TransactionResult<R>> {
    return this.#leases.transaction({ watch, fn }, options);
  }

  /** Binds a script to this manager. Cost of a run: 1 round trip, 2 when the server does not know the script yet. */
  script<A extends readonly CommandArg[], R>(def: ScriptDef<A, R>): Script<A, R> {
    return bindScript(def, (command, options) => this.#connection.send(command, options));
  }

  /** The keys of a module, under this manager's prefix or another. */
  keySpace(module: string, prefix?: string): KeySpace {
    return KeySpace.of(prefix ?? this.config.prefix, module);
  }

  /**
   * Resolves when commands can be sent: at once when the connection is up (`ready` or `degraded`), else when it is back.
   *
   * @param options.timeout how long to wait, default `connectTimeout`
   * @throws TimeoutError `RU_TIMEOUT`; ClosedError once the manager closes; the signal's reason
   */
  async ready(
    options: { readonly timeout?: Duration | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    const { timeout = this.config.connectTimeoutMs, signal } = options;
    await this.#connection.ready({ timeoutMs: toMs(timeout, 'ready.timeout'), signal });
  }

  /**
   * Each server that commands are sent to, as this side knows it: one, or the primaries of the cluster. Empty for the
   * embedded engine and for a wrapped client. Costs no round trip.
   */
  nodes(): readonly NodeStatus[] {
    return this.#connection.nodes();
  }

  /** How the connection is doing. Never rejects. Cost: 2 round trips, at most the connect timeout. */
  async health(): Promise<HealthReport> {
    const { state, endpoint } = this;
    const { inFlight } = this.#connection;
    const nodes = this.nodes();
    const send: SharedConnection['send'] = (command, options) => this.#connection.send(command, options);
    const answer = await askHealth(send, this.clock, this.config.connectTimeoutMs);
    return { state, endpoint, inFlight, nodes, pool: this.#leases.stats(), ...answer };
  }

  /** Listens for an event; returns what removes the listener. */
  on<E extends keyof ManagerEvents>(event: E, listener: (payload: ManagerEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  /** @internal Tells of changed keys, where `capabilities.invalidations`: what a copy of them must hear of. */
  invalidations(target: InvalidationTarget, sink: InvalidationSink): Invalidations {
    return this.#listening.invalidations.listen(target, sink);
  }

  /** @internal The place for failures in the background that nobody awaits. */
  reportError(source: string, error: unknown): void {
    this.#events.emit('error', { source, error });
  }

  /** @internal @throws ConfigError when the client might run a command of `what` twice */
  requireAtMostOnce(what: string): void {
    this.#connection.requireAtMostOnce(what);
  }

  /** @internal Runs when the manager begins to close, while commands are still taken. */
  onClose(hook: () => void | Promise<void>): Unsubscribe {
    this.#closeHooks.add(hook);
    return () => void this.#closeHooks.delete(hook);
  }

  /**
   * Lets modules finish (locks are released, subscriptions end), waits for leases to be given back and for what is in
   * flight, then ends every connection. A command that blocks on a lease is answered as if its time had come, where the
   * server tells us apart and the user may send `CLIENT LIST` and `CLIENT UNBLOCK`; else it is cut when the time is up.
   * Always resolves, within `drain` (default 2 s) and 100 ms. Calling it again gives the same report.
   */
  close(options: { readonly drain?: Duration | undefined } = {}): Promise<DrainReport> {
    this.#closing ??= this.#close(toMs(options.drain ?? DEFAULT_DRAIN, 'close.drain', { min: 0 }));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<DrainReport> {
    const startMs = this.clock.monotonicMs();
    this.#connection.moveTo('draining');
    const steps = [
      async () => void (await Promise.allSettled([...this.#closeHooks].map(async (hook) => hook()))),
      () => this.#leases.drain(),
      () => this.#connection.drain(),
    ];
    const report = (error: unknown): void => this.reportError('manager.close', error);
    const drained = await finishWithin(steps, drainMs, { clock: this.clock, report });
    this.#listening.close();
    const cutLeases = this.#leases.close();
    const cutCommands = this.#connection.destroy();
    this.#connection.moveTo('closed');
    return { drained: drained && cutLeases === 0, cutCommands, cutLeases, tookMs: this.clock.monotonicMs() - startMs };
  }
}

function toConfig(config: RedisConfig | RedisOptions | string): RedisConfig {
  if (config instanceof RedisConfig) return config;
  return typeof config === 'string' ? RedisConfig.fromUrl(config) : RedisConfig.from(config);
}
