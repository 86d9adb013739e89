import { ignore } from '../../core/abort.js';
import { BadReplyError, ClosedError, ServerError } from '../../core/errors.js';
import { type Command, type CommandOptions, toWire } from '../calls/command.js';
import type { Reply, ReplyMode } from '../driver.js';
import type { Lease } from './lease.js';
import type { PipelineResult } from '../calls/pipeline.js';
import { checkShared } from '../calls/shared-commands.js';
import type { TimeLimit } from '../../core/time-limit.js';
import type { Transaction } from './transaction.js';

/** What has been learned of the server. */
export interface ServerFacts {
  /** This user may send `MULTI`. */
  takesMulti: boolean;
}

export interface AttemptOptions {
  readonly server: ServerFacts;
  readonly number: number;
  readonly limit: TimeLimit;
  readonly reply: ReplyMode;
}

interface Committed<R> {
  readonly value: R;
  readonly results: readonly PipelineResult[];
}

/** One run of the function, between `WATCH` and `EXEC`. */
export class TransactionAttempt {
  readonly #lease: Lease;
  readonly #options: AttemptOptions;
  readonly #queued: Command[] = [];
  #open = true;

  constructor(lease: Lease, options: AttemptOptions) {
    this.#lease = lease;
    this.#options = options;
  }

  /**
   * `undefined` when a watched key was changed meanwhile. What the function throws is thrown on, and nothing was queued
   * at the server then; the watching ends with the lease.
   */
  async run<R>(watch: readonly string[], fn: (tx: Transaction) => R | Promise<R>): Promise<Committed<R> | undefined> {
    const { limit } = this.#options;
    const { signal } = limit;
    // not awaited: what the function reads follows in the same write
    const watching = watch.length === 0 ? undefined : this.#lease.command(['WATCH', ...watch], { signal });
    watching?.catch(ignore);
    let value: R;
    try {
      value = await limit.within(this.#call(fn));
    } finally {
      this.#open = false;
      // the server's refusal to watch is the better news than what followed from it
      await watching;
    }
    const replies = await this.#execute();
    return replies === undefined ? undefined : { value, results: replies };
  }

  async #call<R>(fn: (tx: Transaction) => R | Promise<R>): Promise<R> {
    const { number, limit } = this.#options;
    return fn({
      attempt: number,
      signal: limit.signal,
      command: (args, options) => this.#command(args, options),
      queue: (args) => this.#queue(args),
    });
  }

  async #command<T>(args: Command, options: CommandOptions = {}): Promise<T> {
    checkShared(this.#checked(args));
    const { signal } = this.#options.limit;
    const both = options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]);
    return this.#lease.command<T>(args, { ...options, signal: both });
  }

  #queue(args: Command): void {
    checkShared(this.#checked(args));
    this.#queued.push([...args]);
  }

  #checked(args: Command): ReturnType<typeof toWire> {
    if (!this.#open) throw new ClosedError('The transaction');
    return toWire(args);
  }

  /**
   * Sends everything in one write. A server that refuses `MULTI` would run the rest one by one, so the first
   * transaction of a manager waits for its word.
   */
  async #execute(): Promise<readonly PipelineResult[] | undefined> {
    const { limit, reply, server } = this.#options;
    const send = (command: Command, mode?: ReplyMode): Promise<Reply> =>
      this.#lease.command<Reply>(command, { signal: limit.signal, reply: mode });
    const begun = send(['MULTI']);
    if (!server.takesMulti) await begun;
    server.takesMulti = true;
    limit.outcome = 'unknown';
    const taken = this.#queued.map((command) => send(command));
    const executed = send(['EXEC'], reply);
    const answers = await Promise.allSettled([begun, ...taken, executed]);
    limit.outcome = 'not-sent';
    for (const answer of answers) {
      // what the server says of one command is more than EXEC's word that there was one
      if (answer.status === 'rejected' && answer.reason instanceof ServerError) throw answer.reason;
    }
    return toResults(await executed, this.#queued.length);
  }
}

function toResults(reply: Reply, count: number): readonly PipelineResult[] | undefined {
  if (reply === null) return undefined;
  if (!Array.isArray(reply) || reply.length !== count) {
    throw new BadReplyError('EXEC', `null or an array of ${count}`, reply);
  }
  return (reply as readonly Reply[]).map((value): PipelineResult =>
    value instanceof Error ? { ok: false, error: value } : { ok: true, value },
  );
}
