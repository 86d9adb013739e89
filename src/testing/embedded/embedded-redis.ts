import { randomBytes } from 'node:crypto';
import { checkKnown, checkOneOf, checkText, wrong } from '../../core/check.js';
import { type Clock, systemClock } from '../../core/clock.js';
import type { Duration } from '../../core/duration.js';
import { ConfigError } from '../../core/errors.js';
import { EmbeddedRedis as EngineHost } from '../../embedded/engine.js';
import { Listener } from './listener.js';
import { type FaultOptions, type InjectedFault, SeededFaults } from './seeded-faults.js';

export interface EmbeddedRedisOptions {
  /**
   * The engine's time: expiry, blocking commands, `TIME`, late replies. Give `new VirtualClock()`, the same one to
   * `RedisManager.connect`, and time moves only by `advance`. Default: the clock of the process.
   */
  readonly clock?: Clock | undefined;
  /**
   * Whether clients outside this library, this process or this language can connect: on a port of 127.0.0.1 found free,
   * on a unix socket, or not at all. Default: false.
   */
  readonly listen?: 'tcp' | 'unix' | false | undefined;
  /** What clients of the listener must say to be let in. Default: nothing. */
  readonly password?: string | undefined;
  /** Whom they must call themselves. Default: `default`, which a client need not say. */
  readonly username?: string | undefined;
  /** Faults from the beginning. Default: none. */
  readonly faults?: FaultOptions | undefined;
}

/**
 * The engine of this library as a server for tests, in the process: nothing to install, ready in a millisecond, each
 * with data of its own. With `listen` any client can talk to it, in RESP2 or RESP3.
 *
 * It is no complete Redis: commands that it does not have are answered as a server answers unknown commands. No
 * replication, no cluster, no TLS, no users beside one.
 */
export class EmbeddedRedis implements AsyncDisposable {
  readonly #host: EngineHost;
  readonly #clock: Clock;
  #listener: Listener | undefined;
  #faults: SeededFaults | undefined;
  readonly #past: InjectedFault[] = [];

  private constructor(host: EngineHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /** @throws ConfigError for an option that cannot be used */
  static async start(options: EmbeddedRedisOptions = {}): Promise<EmbeddedRedis> {
    checkKnown('embedded', options, ['clock', 'listen', 'password', 'username', 'faults']);
    const { clock = systemClock, listen = false, username = 'default', password, faults } = options;
    if (listen !== false) checkOneOf('embedded.listen', listen, ['tcp', 'unix']);
    if (password !== undefined) checkText('embedded.password', password);
    checkText('embedded.username', username);
    if (options.username !== undefined && password === undefined)
      throw wrong('embedded.password', 'given with a user name', password);
    const host = EngineHost.named(`testing-${randomBytes(8).toString('hex')}`, { clock });
    const redis = new EmbeddedRedis(host, clock);
    if (faults !== undefined) redis.inject(faults);
    const gate = { username, password };
    if (listen !== false) redis.#listener = await Listener.open(listen, { engine: host.engine, clock, gate });
    return redis;
  }

  /**
   * Where a client connects to: the listener (`redis://` or `redis+unix://`, without credentials), else the engine in
   * this process (`memory://`), which only this library can.
   */
  get url(): string {
    if (this.#listener === undefined) return this.memoryUrl;
    const { port, socketPath } = this.#listener;
    return socketPath === undefined ? `redis://127.0.0.1:${port}` : `redis+unix://${socketPath}`;
  }

  /** The same engine for this library in this process, past listener and password. */
  get memoryUrl(): string {
    return `memory://${this.#host.name}`;
  }

  /** The port of 127.0.0.1. @throws ConfigError without `listen: 'tcp'` */
  get port(): number {
    const port = this.#listener?.port ?? 0;
    if (port !== 0) return port;
    throw new ConfigError([{ option: 'embedded.listen', expected: "'tcp' to have a port", received: 'another way' }]);
  }

  /** The path of the unix socket. @throws ConfigError without `listen: 'unix'` */
  get socketPath(): string {
    const path = this.#listener?.socketPath;
    if (path !== undefined) return path;
    throw new ConfigError([{ option: 'embedded.listen', expected: "'unix' to have a path", received: 'another way' }]);
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** Clients that are connected to the listener now. */
  get connections(): number {
    return this.#listener?.connections ?? 0;
  }

  /**
   * Moves a virtual clock forward, see `VirtualClock.advance`. @throws ConfigError when the clock is a real one
   */
  advance(duration: Duration): Promise<void> {
    return this.#host.advance(duration);
  }

  /** Removes all keys of all databases. */
  flush(): void {
    this.#host.flush();
  }

  /** Resets every connection of the listener. New ones are accepted. */
  reset(): void {
    this.#listener?.reset();
  }

  /**
   * From now on these faults, in the place of others. They befall what clients send, in the process or over the
   * listener, not the commands inside scripts; subscribing is spared. @throws ConfigError
   */
  inject(faults: FaultOptions): void {
    const next = new SeededFaults(faults);
    this.heal();
    this.#faults = next;
    this.#host.engine.interceptor = next;
  }

  /** No more faults. */
  heal(): void {
    this.#past.push(...(this.#faults?.injected ?? []));
    this.#faults = undefined;
    this.#host.engine.interceptor = undefined;
  }

  /** The faults that have happened, in order. */
  get injected(): readonly InjectedFault[] {
    return [...this.#past, ...(this.#faults?.injected ?? [])];
  }

  /** Ends the listener and its connections, and lets go of the data. May be called again. */
  async stop(): Promise<void> {
    EngineHost.forget(this.#host.name);
    await this.#listener?.close();
    this.#listener = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
