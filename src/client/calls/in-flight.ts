import type { Clock } from '../../core/clock.js';
import { Deadlines } from '../../core/deadlines.js';
import { ServerError, TimeoutError } from '../../core/errors.js';
import { Call, type CallOwner, type Wait } from './call.js';
import { nameOf } from './command-facts.js';
import { keysOf } from './command-keys.js';
import type { Reply, ReplySink, WireCommand } from '../driver.js';
import type { Retries } from './retries.js';
import { type CommandTrace, commandTraces, traced } from '../tracing.js';

export interface InFlightPorts {
  readonly clock: Clock;
  readonly send: (command: WireCommand, sink: ReplySink) => void;
  /** What a call says that ran out of time; absent: a `TimeoutError`. */
  readonly explain?: ((call: Call, stalled: boolean) => Error) | undefined;
  /** A command was refused because the server is no primary. */
  readonly suspect?: (() => void) | undefined;
  /** Absent: nothing is tried again. */
  readonly retries?: Retries | undefined;
  /** On a connection of one user alone. */
  readonly leased: boolean;
}

/** The calls on their way: their deadlines, their retries, and how many they are. */
export class InFlight implements CallOwner {
  readonly #ports: InFlightPorts;
  readonly #deadlines: Deadlines;
  readonly #idle: (() => void)[] = [];
  #count = 0;

  constructor(ports: InFlightPorts) {
    this.#ports = ports;
    this.#deadlines = new Deadlines(ports.clock);
  }

  /** Calls whose reply has not come, also those whose caller no longer waits for it. */
  get count(): number {
    return this.#count;
  }

  /** Sends the command; resolves with its reply, or rejects when the wait ends before. */
  send(command: WireCommand, wait: Wait): Promise<Reply> {
    return commandTraces.hasSubscribers ? this.#sendTraced(command, wait) : this.#send(command, wait);
  }

  #sendTraced(command: WireCommand, wait: Wait): Promise<Reply> {
    const { leased } = this.#ports;
    const trace: CommandTrace = {
      command: nameOf(command),
      args: command.length - 1,
      keys: keysOf(command).length,
      leased,
    };
    return traced(commandTraces, trace, () => this.#send(command, wait));
  }

  #send(command: WireCommand, wait: Wait): Promise<Reply> {
    const call = new Call(this, command, wait);
    this.#count += 1;
    return new Promise<Reply>((resolve, reject) => {
      call.begin(resolve, reject);
      if (wait.timeoutMs !== undefined) this.#deadlines.add(call, wait.timeoutMs);
      this.#ports.send(command, call);
    });
  }

  expired(call: Call, stalled: boolean): void {
    call.abandon(this.#ports.explain?.(call, stalled) ?? outOfTime(call, stalled));
  }

  retries(call: Call, error: Error): boolean {
    if (error instanceof ServerError && error.replyCode === 'READONLY') this.#ports.suspect?.();
    return this.#ports.retries?.plan(call, error, () => this.#tryAgain(call, error)) ?? false;
  }

  ended(call: Call): void {
    this.#deadlines.remove(call);
    this.#count -= 1;
    if (this.#count === 0 && this.#idle.length > 0) for (const wake of this.#idle.splice(0)) wake();
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Stops the clockwork; what still waits is settled by the end of its connection. */
  stop(): void {
    this.#ports.retries?.stop();
    this.#deadlines.stop();
  }

  #tryAgain(call: Call, error: Error): void {
    if (call.abandoned) call.reject(error);
    else this.#ports.send(call.command, call);
  }
}

/** The error of a call whose deadline passed. */
export function outOfTime(call: Call, stalled: boolean): TimeoutError {
  const diagnosis = stalled ? 'event-loop-lag' : call.sent ? 'server-unresponsive' : 'back-pressure';
  const { timeoutMs = 0 } = call.wait;
  return new TimeoutError(call.operation, timeoutMs, { outcome: call.sent ? 'unknown' : 'not-sent', diagnosis });
}
