import type { CommandArg } from '../client/command.js';
import type { PipelineResult, RedisManager } from '../client/manager.js';
import type { CodecOptions } from '../codec/index.js';
import { untilAborted } from '../core/abort.js';
import { checkFunction, checkInteger, wrong } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import type { Unsubscribe } from '../core/emitter.js';
import { BadReplyError, ServerError, TimeoutError } from '../core/errors.js';
import { HEADER_BYTES } from './entry.js';
import { CounterError, PartialWriteError } from './errors.js';
import type { CacheEvents } from './failures.js';
import { readOrLoad } from './load-through.js';
import {
  type CacheOptions,
  type Loader,
  type LoadOptions,
  type NamespaceOptions,
  planLoad,
  planRead,
  type ReadOptions,
  type WriteOptions,
  writeMs,
} from './options.js';
import { Read } from './reader.js';
import { Scope } from './scope.js';
import type { IncrementReply } from './scripts.js';
import type { CacheStats } from './stats.js';
import { within } from './within.js';

const BYTES = { reply: 'bytes' } as const;

/**
 * Values under keys of Redis, each with an expiry.
 *
 * `null` is a value; `undefined` is a miss and is never stored. Every caller gets a value of its own, decoded from
 * what is stored: changing it changes nobody else's.
 *
 * **When Redis fails.** Under `onError: 'open'` (the default) a failing store is no failure of the call: what cannot
 * be read or decoded is a miss, `set` and `setMany` resolve, `has` says false, `delete` says 0, and an `'error'` event
 * tells. Take note of the event where a lost `delete` matters: the entry may be there until it expires. Under
 * `'throw'` these calls reject. In both modes a loader's error reaches the caller; `increment`, `setIfAbsent`,
 * `getAndDelete` and `touch` reject, because any answer would be a lie; wrong arguments (`ConfigError`), values that
 * cannot be stored (`SerializationError`) and calls after `close()` (`ClosedError`) reject before anything is sent.
 *
 * **Order.** Calls on one key take effect in the order in which they were made, in this process; except for an
 * `increment` that meets a server which does not know its script yet, and is therefore sent again. Concurrent `get`s
 * of one tick, from all namespaces, travel as one `MGET`.
 *
 * **Loads.** At most one load per key is in progress in this process. `set`, `delete` and the like detach it: its
 * result is not stored. Not promised: anything of that kind between processes. A load that began in one process before
 * a `delete` in another may store what it read before; it expires with its `ttl`.
 *
 * @example
 * const cache = new CacheManager(manager, '5m');
 * const user = await cache.getOrSet(`user:${id}`, () => db.user(id), '1h');
 */
export class CacheManager implements AsyncDisposable {
  readonly #scope: Scope;

  /**
   * @param manager    the connection; it stays the caller's, `close()` does not close it
   * @param defaultTtl lifetime of what is written without a `ttl`
   * @throws ConfigError `RU_CONFIG`
   */
  constructor(manager: RedisManager, defaultTtl: Duration, options?: CacheOptions);
  /** @internal a namespace */
  constructor(manager: RedisManager, defaultTtl: Duration, scope: Scope);
  constructor(manager: RedisManager, defaultTtl: Duration, options: CacheOptions | Scope = {}) {
    this.#scope = options instanceof Scope ? options : Scope.root(manager, defaultTtl, options);
  }

  /** The connection it was made with. */
  get manager(): RedisManager {
    return this.#scope.common.manager;
  }

  /** How values are written, as given here or to the manager. */
  get codecOptions(): CodecOptions | undefined {
    return this.#scope.codecOptions;
  }

  /** The `prefix` it was made with; undefined for the manager's own. */
  get prefix(): string | undefined {
    return this.#scope.common.prefix;
  }

  /**
   * Reads a value.
   * @returns undefined for a miss: no entry, one of another `version`, or a key of another type
   * @throws under `'throw'`: ServerError, ConnectionError, TimeoutError, DecodeError, ForeignValueError, EncryptionError
   * Cost: one `GET`, or a share of the `MGET` of this tick.
   */
  get<T>(key: string, options?: ReadOptions): Promise<T | undefined> {
    try {
      this.#scope.assertOpen();
      const read = new Read('get', key, this.#scope);
      const { reader } = this.#scope.common;
      if (options === undefined) return reader.read(read) as Promise<T | undefined>;
      return this.#bounded([read], options, () => reader.read(read) as Promise<T | undefined>);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads several values. The map has the keys that were found, in the order in which they were asked for.
   * @throws as `get`
   * Cost: one round trip, one `MGET` per 128 keys.
   */
  async getMany<T>(keys: readonly string[], options?: ReadOptions): Promise<Map<string, T>> {
    const scope = this.#scope;
    scope.assertOpen();
    if (!Array.isArray(keys)) throw wrong('keys', 'an array of keys', keys);
    const reads = [...new Set(keys)].map((key) => new Read('getMany', key, scope));
    const readAll = (): Promise<unknown[]> => Promise.all(reads.map((read) => scope.common.reader.read(read)));
    const values = await (options === undefined ? readAll() : this.#bounded(reads, options, readAll));
    const found = new Map<string, T>();
    if (values === undefined) return found;
    for (const [index, read] of reads.entries()) {
      if (values[index] !== undefined) found.set(read.id, values[index] as T);
    }
    return found;
  }

  /**
   * Whether `get` would find a value, as far as the entry's header tells: a value damaged behind it counts as there.
   * Cost: one `GETRANGE`.
   */
  async has(key: string): Promise<boolean> {
    const scope = this.#scope;
    scope.assertOpen();
    const full = scope.space.key(key);
    try {
      const head = await this.manager.command(['GETRANGE', full, 0, HEADER_BYTES - 1], BYTES);
      if (!Buffer.isBuffer(head)) throw new BadReplyError('GETRANGE', 'bytes', head);
      return scope.format.holdsValue(full, head);
    } catch (error) {
      if (isWrongType(error)) return false;
      scope.failures.meet('has', key, error);
      return false;
    }
  }

  /**
   * Stores a value, over whatever the key holds. A load of the key that is in progress in this process is not stored.
   * @throws SerializationError for a value that would not come back as it is; ConfigError for `undefined`
   * Cost: one `SET`.
   */
  async set<T>(key: string, value: T, ttl?: Duration | WriteOptions): Promise<void> {
    const command = this.#setCommand(key, value, ttl);
    this.#scope.beforeWrite(command[1]);
    try {
      await this.manager.command(command);
    } catch (error) {
      this.#scope.failures.meet('set', key, error);
    }
  }

  /**
   * Stores several values, each as `set` does; not a transaction. All are checked and encoded before any is sent.
   * @throws PartialWriteError `RU_CACHE_PARTIAL_WRITE` under `'throw'`: which keys were not confirmed, and why. Under
   *         `'open'` each of them is an `'error'` event.
   * Cost: one round trip, one `SET` per entry.
   */
  async setMany<T>(entries: Iterable<readonly [string, T]>, ttl?: Duration | WriteOptions): Promise<void> {
    const ids: string[] = [];
    const commands = Array.from(entries, ([key, value]) => {
      ids.push(key);
      return this.#setCommand(key, value, ttl);
    });
    if (commands.length === 0) return this.#scope.assertOpen();
    for (const command of commands) this.#scope.beforeWrite(command[1]);
    this.#settle(ids, await this.manager.pipeline(commands));
  }

  /**
   * Removes entries, and detaches their loads in this process.
   * @returns how many there were. Under `'open'` 0 when Redis failed, and an `'error'` event.
   * Cost: one `UNLINK`.
   */
  async delete(...keys: string[]): Promise<number> {
    const scope = this.#scope;
    scope.assertOpen();
    const full = keys.map((key) => scope.space.key(key));
    if (full.length === 0) return 0;
    for (const key of full) scope.beforeWrite(key);
    try {
      return toCount('UNLINK', await this.manager.command(['UNLINK', ...full]));
    } catch (error) {
      scope.failures.meet('delete', keys.length === 1 ? keys[0] : undefined, error);
      return 0;
    }
  }

  /**
   * The stored value, else what `load` brings, which is then stored.
   *
   * Concurrent calls in this process share one load: its value (each decodes its own), its options (those of the call
   * that started it, `schema` apart) and its failure, which is not retried for each of them. A loader must not wait for
   * its own key. With `force` the call loads in any case; a load in progress is detached.
   *
   * @param options a lifetime, or `LoadOptions`
   * @throws whatever the loader throws; LoadedValueError `RU_CACHE_LOADED_VALUE`; SerializationError; TimeoutError
   *         after `timeout`; the signal's reason. Failures of the store only under `'throw'`.
   * Cost: a hit is a `get`; a load one `GET` before and one `SET` after it, which is waited for.
   */
  async getOrSet<T>(key: string, load: Loader<T>, options?: Duration | LoadOptions<T>): Promise<T> {
    const scope = this.#scope;
    scope.assertOpen();
    checkFunction('load', load);
    const plan = planLoad(options, scope.plan);
    const call = { read: new Read('getOrSet', key, scope), load, plan };
    const { timeoutMs, signal } = plan;
    if (timeoutMs === undefined && signal === undefined) return (await readOrLoad(scope, call, undefined)) as T;
    const limits = { operation: 'cache.getOrSet', timeoutMs, signal };
    return (await within(this.manager.clock, limits, (ended) => readOrLoad(scope, call, ended))) as T;
  }

  /**
   * Stores a value if the key is free. A load of the key that is in progress in this process is not stored.
   * @returns false when the key is taken: by a value, or by something that `get` does not see, such as an entry of
   *          another `version`, until it expires
   * @throws in both modes ServerError, ConnectionError, TimeoutError; with `outcome` `unknown` it may have been stored
   * Cost: one `SET … NX`.
   */
  async setIfAbsent<T>(key: string, value: T, ttl?: Duration): Promise<boolean> {
    const command = this.#setCommand(key, value, ttl);
    this.#scope.beforeWrite(command[1]);
    return (await this.manager.command([...command, 'NX'])) === 'OK';
  }

  /**
   * Takes a value out: of all callers everywhere, one gets it.
   * @returns undefined for a miss, as `get`; the key is free afterwards
   * @throws in both modes as `get` under `'throw'`. After an undecodable entry, or `outcome` `unknown`, the value is lost.
   * Cost: one `GETDEL`.
   */
  async getAndDelete<T>(key: string): Promise<T | undefined> {
    const scope = this.#scope;
    scope.assertOpen();
    const full = scope.space.key(key);
    scope.beforeWrite(full);
    try {
      const bytes = await this.manager.command(['GETDEL', full], BYTES);
      if (bytes !== null && !Buffer.isBuffer(bytes)) throw new BadReplyError('GETDEL', 'bytes or null', bytes);
      const value = bytes === null ? undefined : scope.format.decode(full, bytes);
      if (value === undefined) scope.tally.misses += 1;
      else scope.tally.hits += 1;
      return value as T | undefined;
    } catch (error) {
      if (!isWrongType(error)) throw error;
      scope.tally.misses += 1;
      return undefined;
    }
  }

  /**
   * Adds to a counter, which starts at 0, and gives the result. `get` reads a counter as a number; entries written by
   * `set` are not counters, nor does `version` concern them. They are stored as plain decimal text, never encrypted.
   *
   * @param by  a whole number, also negative; default 1
   * @param ttl lifetime from the first increment on; later ones do not prolong it
   * @throws CounterError `RU_CACHE_COUNTER` when the key holds no counter, or the result would leave ±(2^53 − 1)
   * @throws in both modes ServerError, ConnectionError, TimeoutError; with `outcome` `unknown` it may have counted
   * Cost: one script.
   */
  async increment(key: string, by = 1, ttl?: Duration): Promise<number> {
    const scope = this.#scope;
    scope.assertOpen();
    const full = scope.space.key(key);
    checkInteger('by', by, { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    const ttlMs = ttl === undefined ? scope.plan.ttlMs : toMs(ttl, 'cache.ttl');
    scope.beforeWrite(full);
    let reply: IncrementReply;
    try {
      reply = await scope.common.increment.run([full], [by, ttlMs]);
    } catch (error) {
      throw isWrongType(error) ? new CounterError(key, 'not-a-counter', { cause: error }) : error;
    }
    if ('problem' in reply) throw new CounterError(key, reply.problem);
    return reply.value;
  }

  /**
   * Gives an entry a new lifetime from now on, longer or shorter.
   * @returns false when there is none
   * @throws in both modes ServerError, ConnectionError, TimeoutError
   * Cost: one `PEXPIRE`.
   */
  async touch(key: string, ttl: Duration): Promise<boolean> {
    const scope = this.#scope;
    scope.assertOpen();
    const full = scope.space.key(key);
    const ttlMs = toMs(ttl, 'cache.ttl');
    scope.common.reader.beforeWrite(full);
    return (await this.manager.command(['PEXPIRE', full, ttlMs])) === 1;
  }

  /**
   * A cache of its own inside this one: no key of the one is a key of the other. It shares the connection, batches
   * and loads of this one, inherits its options where it is given none, and ends with it. Making it costs nothing; two
   * of one name are the same namespace.
   */
  namespace(name: string, options: NamespaceOptions = {}): CacheManager {
    this.#scope.assertOpen();
    return new CacheManager(this.manager, this.#scope.plan.ttlMs, this.#scope.namespace(name, options));
  }

  /** Counts since it was made, namespaces apart. */
  stats(): CacheStats {
    const { tally, failures } = this.#scope;
    return { ...tally, errors: failures.count };
  }

  /** Listens for `'error'`; returns what removes the listener. */
  on<E extends keyof CacheEvents>(event: E, listener: (payload: CacheEvents[E]) => void): Unsubscribe {
    return this.#scope.failures.on(event, listener);
  }

  /**
   * From now on calls on it and its namespaces reject with `ClosedError`. What was called before goes on to its end.
   * It has no connection of its own, so there is nothing to wait for.
   */
  close(): Promise<void> {
    this.#scope.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Waits within the call's own limits; its timeout is a failure of the store, its signal is the caller's own. */
  async #bounded<T>(reads: readonly Read[], options: ReadOptions, wait: () => Promise<T>): Promise<T | undefined> {
    const { timeoutMs, signal } = planRead(options);
    const [first] = reads;
    if (first === undefined) return undefined;
    const operation = `cache.${first.operation}`;
    try {
      const limits = { operation, timeoutMs, signal };
      return await within(this.manager.clock, limits, (ended) => untilAborted(wait(), ended));
    } catch (error) {
      const isOwnTimeout = error instanceof TimeoutError && error.operation === operation;
      if (!isOwnTimeout) throw error;
      this.#scope.failures.meet(first.operation, reads.length === 1 ? first.id : undefined, error);
      return undefined;
    }
  }

  /** The `SET` of one entry. Everything about the arguments is checked here, before anything is sent. */
  #setCommand(
    key: string,
    value: unknown,
    ttl: Duration | WriteOptions | undefined,
  ): [string, string, ...CommandArg[]] {
    const scope = this.#scope;
    scope.assertOpen();
    const full = scope.space.key(key);
    if (value === undefined) throw wrong('value', 'anything but undefined, which means a miss', value);
    const ttlMs = writeMs(ttl, scope.plan, this.manager.random);
    return ['SET', full, scope.format.encode(full, value), 'PX', ttlMs];
  }

  #settle(ids: readonly string[], results: readonly PipelineResult[]): void {
    const failures = results.flatMap((result, index) =>
      result.ok ? [] : [{ key: ids[index] ?? '', error: result.error }],
    );
    if (failures.length === 0) return;
    const summary = (): Error => new PartialWriteError(ids.length - failures.length, failures);
    this.#scope.failures.meetAll('setMany', failures, summary);
  }
}

function isWrongType(error: unknown): boolean {
  return error instanceof ServerError && error.replyCode === 'WRONGTYPE';
}

function toCount(command: string, reply: unknown): number {
  if (typeof reply === 'number') return reply;
  throw new BadReplyError(command, 'a number', reply);
}
