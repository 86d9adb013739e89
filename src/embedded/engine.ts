import { type Clock, systemClock } from '../core/clock.js';
import { checkKnown, wrong } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { type Random, systemRandom } from '../core/random.js';
import { Waiter } from './blocking.js';
import { COMMANDS } from './command-table.js';
import type { Interceptor } from './interceptor.js';
import { KeyListeners } from './key-listeners.js';
import { Keyspace, type KeyspaceHost } from './keyspace.js';
import { PubSub, type Subscriber } from './pubsub.js';
import { type EngineReply, ErrorReply, QUEUED } from './reply.js';
import { ScriptCache } from './scripting.js';
import { type CommandSpec, type Server, Session } from './server.js';
import { VirtualClock } from './virtual-clock.js';

const DATABASES = 16;
const NO_SUBSCRIBER: Subscriber = { deliver: () => {} };

export interface EmbeddedRedisOptions {
  /** The server's clock. Default: the clock of the process. */
  readonly clock?: Clock | undefined;
}

const named = new Map<string, EmbeddedRedis>();

/**
 * A Redis server inside the process: the commands that this library uses, expiry, publish and subscribe,
 * transactions, and scripts in a subset of Lua 5.1. Commands that it does not have are answered as a server answers
 * unknown commands.
 *
 * Data live as long as the object and go with the process. It holds no timer, no socket and no file.
 */
export class EmbeddedRedis {
  readonly #clock: Clock;
  readonly #engine: Engine;
  #name = '';

  constructor(options: EmbeddedRedisOptions = {}) {
    checkKnown('embedded', options, ['clock']);
    this.#clock = options.clock ?? systemClock;
    this.#engine = new Engine(this.#clock, systemRandom);
  }

  /**
   * The engine of that name in this process, made at the first call: what `memory://NAME` connects to.
   * @throws ConfigError when it exists with another clock than the one asked for
   */
  static named(name: string, options: EmbeddedRedisOptions = {}): EmbeddedRedis {
    const known = named.get(name);
    if (known === undefined) {
      const redis = new EmbeddedRedis(options);
      redis.#name = name;
      named.set(name, redis);
      return redis;
    }
    if (options.clock !== undefined && options.clock !== known.#clock) {
      throw wrong('embedded.clock', `the clock with which \`${name}\` was made`, options.clock);
    }
    return known;
  }

  /** @internal Makes its name free for another engine. Who is connected stays so. */
  static forget(name: string): void {
    named.delete(name);
  }

  /** Its name in this process; empty for one made with `new`. */
  get name(): string {
    return this.#name;
  }

  /** Removes all keys of all databases. */
  flush(): void {
    for (const database of this.#engine.databases) database.clear();
  }

  /**
   * Moves the engine's virtual clock forward: see `VirtualClock.advance`. A key lives through the very millisecond of
   * its expiry and is gone in the next one.
   * @throws ConfigError when the engine runs on a real clock
   */
  advance(duration: Duration): Promise<void> {
    if (this.#clock instanceof VirtualClock) return this.#clock.advance(duration);
    throw wrong('embedded.clock', 'a VirtualClock, to be advanced', this.#clock);
  }

  /** @internal */
  get clock(): Clock {
    return this.#clock;
  }

  /** @internal */
  get engine(): Engine {
    return this.#engine;
  }
}

/** The engine as connections and commands see it. */
export class Engine implements Server, KeyspaceHost {
  readonly #clock: Clock;
  readonly random: Random;
  readonly startedAtMs: number;
  readonly databases: readonly Keyspace[];
  readonly commands: ReadonlyMap<string, CommandSpec> = COMMANDS;
  readonly sessions = new Set<Session>();
  readonly #listeners = new KeyListeners();
  readonly blocking = this.#listeners.blocking;
  readonly pubsub = new PubSub();
  readonly tracking = this.#listeners.tracking;
  readonly watches = this.#listeners.watches;
  readonly scripts: ScriptCache;
  interceptor: Interceptor | undefined;
  nowMs: number;
  /** Microseconds within `nowMs`, 0 to 999: what the monotonic clock has moved since that millisecond began. */
  nowUs = 0;
  #msBeganMs = 0;
  #lastId = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.random = random;
    this.nowMs = Math.floor(clock.wallMs());
    this.startedAtMs = this.nowMs;
    this.databases = Array.from({ length: DATABASES }, (_, index) => new Keyspace(index, this));
    const session = new Session(this, 0, NO_SUBSCRIBER);
    session.isAtomic = true;
    this.scripts = new ScriptCache({
      session,
      call: (argv, readOnly) => this.#callFromScript(session, argv, readOnly),
    });
  }

  openSession(subscriber: Subscriber): Session {
    this.#lastId += 1;
    const session = new Session(this, this.#lastId, subscriber);
    this.sessions.add(session);
    return session;
  }

  closeSession(session: Session): void {
    session.leaveTransaction();
    this.pubsub.unsubscribeAll(session.subscriber);
    this.tracking.stop(session.subscriber);
    this.sessions.delete(session);
  }

  keyChanged(database: Keyspace, key: string): void {
    this.#listeners.keyChanged(database, key);
  }

  keyExpired(database: Keyspace, key: string): void {
    this.#listeners.keyExpired(database, key);
  }

  flushed(database: Keyspace, keys: readonly string[]): void {
    this.#listeners.flushed(database, keys);
  }

  /** Runs one command of a connection, errors included, and serves those who waited for what it changed. */
  execute(session: Session, argv: readonly string[]): EngineReply | Waiter {
    if (this.interceptor === undefined) return this.#execute(session, argv);
    const execute = (): EngineReply | Waiter => this.#execute(session, argv);
    return this.interceptor.execute({ session, argv, clock: this.#clock, blocking: this.blocking, execute });
  }

  #execute(session: Session, argv: readonly string[]): EngineReply | Waiter {
    this.#readClock();
    this.tracking.actor = session.subscriber;
    let reply: EngineReply | Waiter;
    try {
      reply = this.#dispatch(session, argv);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
      reply = error;
    }
    if (this.blocking.hasReady) this.blocking.serve();
    return reply;
  }

  /** Wall clocks tick in milliseconds; fences and limits want to tell two calls within one apart, as servers do. */
  #readClock(): void {
    const wallMs = Math.floor(this.#clock.wallMs());
    const monotonicMs = this.#clock.monotonicMs();
    if (wallMs !== this.nowMs) this.#msBeganMs = monotonicMs;
    this.nowMs = wallMs;
    this.nowUs = Math.min(999, Math.floor((monotonicMs - this.#msBeganMs) * 1000));
  }

  run(session: Session, argv: readonly string[]): EngineReply {
    const reply = this.#checked(argv).run(session, argv);
    if (reply instanceof Waiter) throw new Error('a command waited inside a transaction or script');
    return reply;
  }

  #dispatch(session: Session, argv: readonly string[]): EngineReply | Waiter {
    if (session.queue === undefined) return this.#checked(argv).run(session, argv);
    const spec = this.#queueable(session, argv);
    if (spec.flags.includes('nomulti')) return spec.run(session, argv);
    session.queue.push(argv);
    return QUEUED;
  }

  /** What cannot be queued makes the whole transaction fail. */
  #queueable(session: Session, argv: readonly string[]): CommandSpec {
    try {
      return this.#checked(argv);
    } catch (error) {
      session.isQueueBroken = true;
      throw error;
    }
  }

  #find(name: string): CommandSpec | undefined {
    return this.commands.get(name) ?? this.commands.get(name.toUpperCase());
  }

  /** The command, if it exists and has the right number of words. */
  #checked(argv: readonly string[]): CommandSpec {
    const name = argv[0] as string;
    const spec = this.#find(name);
    if (spec === undefined) throw new ErrorReply(unknownCommand(argv));
    const { subcommands } = spec;
    const subcommand = subcommands === undefined ? undefined : argv[1];
    if (subcommands === undefined || subcommand === undefined) {
      return checkArity(spec.arity, argv, spec);
    }
    const arity = subcommands[subcommand.toUpperCase()];
    if (arity === undefined) throw new ErrorReply(`ERR unknown subcommand '${subcommand}'. Try ${spec.name} HELP.`);
    return checkArity(arity, argv, spec);
  }

  #callFromScript(session: Session, argv: readonly string[], readOnly: boolean): EngineReply {
    const spec = this.#find(argv[0] as string);
    if (spec === undefined) throw new ErrorReply('ERR Unknown Redis command called from script');
    this.#checked(argv);
    if (spec.flags.includes('noscript')) throw new ErrorReply('ERR This Redis command is not allowed from script');
    if (readOnly && spec.flags.includes('write')) {
      throw new ErrorReply('ERR Write commands are not allowed from read-only scripts.');
    }
    return spec.run(session, argv) as EngineReply;
  }
}

function checkArity(arity: number, argv: readonly string[], spec: CommandSpec): CommandSpec {
  if (arity < 0 ? argv.length >= -arity : argv.length === arity) return spec;
  throw new ErrorReply(`ERR wrong number of arguments for '${spec.name.toLowerCase()}' command`);
}

const MAX_SHOWN = 128;

/** The server's own words, with the beginning of the arguments. */
function unknownCommand(argv: readonly string[]): string {
  let shown = '';
  for (const word of argv.slice(1)) {
    if (shown.length >= MAX_SHOWN) break;
    shown += `'${word.slice(0, MAX_SHOWN - shown.length)}' `;
  }
  const name = (argv[0] as string).slice(0, MAX_SHOWN);
  return `ERR unknown command '${name}', with args beginning with: ${shown}`.replace(/[\r\n]/g, ' ');
}
