import type { Clock } from '../core/clock.js';
import type { Blocking, Waiter } from './blocking.js';
import type { EngineReply } from './reply.js';
import type { Session } from './server.js';

/** A command of a connection on its way to the engine, and what a detour needs. */
export interface InterceptedCommand {
  readonly session: Session;
  readonly argv: readonly string[];
  readonly clock: Clock;
  readonly blocking: Blocking;
  /** Runs it. */
  readonly execute: () => EngineReply | Waiter;
}

/** Stands between connections and the engine and decides what becomes of each command: for tests. */
export interface Interceptor {
  execute(command: InterceptedCommand): EngineReply | Waiter;
}
