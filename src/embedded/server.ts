import type { Random } from '../core/random.js';
import type { Blocking, Waiter } from './blocking.js';
import type { Keyspace } from './keyspace.js';
import type { PubSub, Subscriber } from './pubsub.js';
import type { EngineReply } from './reply.js';
import type { Tracking } from './tracking.js';

/** What commands need from the engine that runs them. */
export interface Server {
  /** Epoch milliseconds, the same for all of one command, script or transaction. */
  readonly nowMs: number;
  readonly nowUs: number;
  readonly startedAtMs: number;
  readonly random: Random;
  readonly databases: readonly Keyspace[];
  readonly commands: ReadonlyMap<string, CommandSpec>;
  readonly sessions: ReadonlySet<Session>;
  readonly blocking: Blocking;
  readonly pubsub: PubSub;
  readonly tracking: Tracking;
  readonly watches: Watches;
  readonly scripts: Scripts;
  /** Runs one command to its reply. @throws ErrorReply */
  run(session: Session, argv: readonly string[]): EngineReply;
}

/** The scripts that a server knows. */
export interface Scripts {
  load(source: string): string;
  has(sha: string): boolean;
  flush(): void;
  /** @throws ErrorReply when the script cannot be compiled, or fails */
  run(call: ScriptCall): EngineReply;
}

export interface ScriptCall {
  readonly session: Session;
  readonly sha: string;
  readonly keys: string[];
  readonly args: string[];
  readonly readOnly: boolean;
}

/** Keys that sessions watch for their transactions. */
export interface Watches {
  watch(session: Session, key: string): void;
  forget(session: Session): void;
  expire(session: Session): void;
}

/** A command: how it is checked, and what it does. */
export interface CommandSpec {
  readonly name: string;
  /** The number of words, or, when negative, the least number of words. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** Positions of the first and last key (negative: from the end) and the step; all 0 without fixed keys. */
  readonly keys: readonly [first: number, last: number, step: number];
  /** For a command that is a family: its subcommands, each with its arity, which counts both words. */
  readonly subcommands?: Readonly<Record<string, number>>;
  readonly run: RunCommand;
}

export type CommandFlag = 'write' | 'readonly' | 'noscript' | 'fast' | 'blocking' | 'nomulti';
/** Gives the reply at once, or a waiter that a later command settles. @throws ErrorReply */
export type RunCommand = (session: Session, argv: readonly string[]) => EngineReply | Waiter;

/** The state of one connection. */
export class Session {
  readonly id: number;
  readonly server: Server;
  readonly subscriber: Subscriber;
  database: Keyspace;
  name = '';
  /** Commands since `MULTI`, or undefined outside a transaction. */
  queue: (readonly string[])[] | undefined;
  /** A command was refused while queueing, so that `EXEC` must fail. */
  isQueueBroken = false;
  /** A watched key has changed. */
  isDirty = false;
  /** Inside a script or `EXEC`: blocking commands do not wait. */
  isAtomic = false;

  constructor(server: Server, id: number, subscriber: Subscriber) {
    this.server = server;
    this.id = id;
    this.subscriber = subscriber;
    this.database = server.databases[0] as Keyspace;
  }

  /** Leaves the transaction, watched keys included. */
  leaveTransaction(): void {
    this.queue = undefined;
    this.isQueueBroken = false;
    this.isDirty = false;
    this.server.watches.forget(this);
  }
}
