import { Coalescer, type PendingCall } from '../../client/coalescer.js';
import type { CommandArg } from '../../client/calls/command.js';
import type { RedisManager } from '../../client/manager.js';
import { Deadlines, Expiring } from '../../core/deadlines.js';
import { BadReplyError, ServerError, TimeoutError } from '../../core/errors.js';
import type { Authority, Claim, Extension, Grant, Heir, Hold, Limits, Passing, Told, Waits } from './authority.js';
import { type Answer, type Operation, readAnswer, type RunReply, type RunScript } from './run-script.js';

interface Call extends Claim, Limits {
  readonly operation: Operation;
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly shape: string;
  /** The metadata of an `acquire`, the reason of a `force`. */
  readonly text: string;
  readonly timeoutMs: number;
}

/** What a call says beside its lock and its token. */
interface About {
  readonly shape?: string;
  readonly ttlMs?: number;
  readonly text?: string;
  readonly timeoutMs?: number | undefined;
}

type Pending = PendingCall<Call, Answer>;

/** Sends one batch. */
export type RunBatch = (
  keys: readonly string[],
  args: readonly CommandArg[],
  options: { readonly timeout: number },
) => Promise<RunReply>;

export interface LockCallsPorts {
  readonly script: RunScript;
  readonly run: RunBatch;
  /** The channel on which this process is told. */
  readonly inbox: string;
}

/** A longer batch would keep the server from its other clients: 128 calls take it about half a millisecond. */
const MAX_CALLS = 128;
const MAX_CHARS = 65_536;

/**
 * Sends the lock calls of one tick, in the order in which they were made, in one script call, and gives each its own
 * answer.
 *
 * At most once: what may have run is never sent again. Only a batch that was refused as a whole before it ran, for
 * want of permission, is sent anew, one call at a time, so that a forbidden key fails alone.
 *
 * Every call rejects with ServerError, ConnectionError, TimeoutError, ClosedError or its signal's reason.
 */
export class LockCalls implements Authority {
  readonly spendsTokens = false;
  readonly #name: string;
  readonly #run: RunBatch;
  readonly #commandTimeoutMs: number;
  readonly #deadlines: Deadlines;
  readonly #coalescer: Coalescer<Call, Answer>;
  /** What every command begins with. */
  readonly #about: readonly [inbox: string, counted: 0 | 1];

  constructor(manager: RedisManager, { script, run, inbox }: LockCallsPorts) {
    this.#name = script.name;
    this.#run = run;
    this.#commandTimeoutMs = manager.config.commandTimeoutMs;
    this.#deadlines = new Deadlines(manager.clock);
    const { slotOf } = manager;
    this.#coalescer = new Coalescer({
      maxCalls: MAX_CALLS,
      maxWeight: MAX_CHARS,
      weigh: ({ hash, text }) => hash.length + text.length,
      groupOf: slotOf === undefined ? undefined : ({ hash }) => slotOf(hash),
      send: (batch) => void this.#send(batch),
    });
    // in a cluster a message goes to all nodes, and each counts only those who listen to it
    this.#about = [inbox, slotOf === undefined ? 1 : 0];
  }

  /** No fence: another holds the lock; then with a rank if the token waits. */
  acquire({ hash, token }: Claim, { ttlMs, metadata, shape }: Hold, limits: Limits & Waits): Promise<Grant> {
    const { signal, waitMs, barges } = limits;
    const operation = barges ? 'barge' : 'acquire';
    const timeoutMs = this.#limitMs(limits.timeoutMs);
    return this.#coalescer.add({ operation, hash, token, ttlMs, waitMs, shape, text: metadata, timeoutMs, signal });
  }

  extend(claim: Claim, ttlMs: number, timeoutMs: number): Promise<Extension> {
    return this.#add('extend', claim, { timeoutMs, ttlMs });
  }

  release(claim: Claim, timeoutMs?: number): Promise<Told> {
    return this.#add('release', claim, { timeoutMs });
  }

  verify(claim: Claim, timeoutMs: number): Promise<Told> {
    return this.#add('verify', claim, { timeoutMs });
  }

  pass(claim: Claim, { token, ttlMs, metadata }: Heir, timeoutMs: number): Promise<Passing> {
    return this.#add('pass', claim, { ttlMs, timeoutMs, shape: token, text: metadata });
  }

  raise(claim: Claim, fence: bigint, timeoutMs: number): Promise<Told> {
    return this.#add('raise', claim, { timeoutMs, text: String(fence) });
  }

  /** `held`: it was, by whoever it was, and is not any more. */
  force(hash: string, reason: string, timeoutMs?: number): Promise<Told> {
    return this.#add('force', { hash, token: '' }, { timeoutMs, text: reason });
  }

  /** Sends what waits for the end of the tick while the manager still takes commands. */
  close(): void {
    this.#coalescer.flush();
    this.#deadlines.stop();
  }

  #add(operation: Operation, { hash, token }: Claim, about: About): Promise<Answer> {
    const { ttlMs = 0, shape = '', text = '' } = about;
    const timeoutMs = this.#limitMs(about.timeoutMs);
    return this.#coalescer.add({
      operation,
      hash,
      token,
      ttlMs,
      waitMs: 0,
      shape,
      text,
      timeoutMs,
      signal: undefined,
    });
  }

  #limitMs(timeoutMs = this.#commandTimeoutMs): number {
    return Math.max(1, Math.min(Math.ceil(timeoutMs), this.#commandTimeoutMs));
  }

  async #send(calls: readonly Pending[]): Promise<void> {
    const batch = withoutAborted(calls);
    if (batch.length === 0) return;
    const { keys, args, timeoutMs } = pack(batch, this.#about);
    const limits = this.#limit(batch, timeoutMs);
    try {
      const reply = await this.#run(keys, args, { timeout: timeoutMs });
      settle(this.#name, batch, reply);
    } catch (error) {
      this.#fail(batch, error);
    } finally {
      for (const limit of limits) limit.end();
    }
  }

  /** The batch waits as long as its most patient call; calls that may end sooner have a limit of their own. */
  #limit(batch: readonly Pending[], timeoutMs: number): readonly OwnLimit[] {
    const limits: OwnLimit[] = [];
    for (const pending of batch) {
      const { call } = pending;
      if (call.timeoutMs < timeoutMs || call.signal !== undefined) {
        const limit = new OwnLimit(pending, this.#deadlines);
        limit.begin(timeoutMs);
        limits.push(limit);
      }
    }
    return limits;
  }

  #fail(batch: readonly Pending[], error: unknown): void {
    if (batch.length > 1 && error instanceof ServerError && error.replyCode === 'NOPERM') {
      for (const pending of batch) void this.#send([pending]);
      return;
    }
    for (const { reject } of batch) reject(error);
  }
}

/** Ends the wait of one call of a batch, and of no other. */
class OwnLimit extends Expiring {
  readonly #pending: Pending;
  readonly #deadlines: Deadlines;

  constructor(pending: Pending, deadlines: Deadlines) {
    super();
    this.#pending = pending;
    this.#deadlines = deadlines;
  }

  begin(batchTimeoutMs: number): void {
    const { timeoutMs, signal } = this.#pending.call;
    if (timeoutMs < batchTimeoutMs) this.#deadlines.add(this, timeoutMs);
    signal?.addEventListener('abort', this);
  }

  end(): void {
    this.#deadlines.remove(this);
    this.#pending.call.signal?.removeEventListener('abort', this);
  }

  expire(): void {
    const { operation, timeoutMs } = this.#pending.call;
    this.#pending.reject(new TimeoutError(`lock.${operation}`, timeoutMs));
  }

  handleEvent(): void {
    this.#pending.reject(this.#pending.call.signal?.reason);
  }
}

/** The calls that are still wanted; the others reject. */
function withoutAborted(batch: readonly Pending[]): readonly Pending[] {
  if (!batch.some(({ call }) => call.signal?.aborted === true)) return batch;
  return batch.filter(({ call, reject }) => {
    if (call.signal?.aborted !== true) return true;
    reject(call.signal.reason);
    return false;
  });
}

/** The arguments of the script: hashes in order, and one group for each run of calls that ask for the same. */
function pack(batch: readonly Pending[], about: readonly CommandArg[]): Packed {
  const keys: string[] = [];
  const args: CommandArg[] = [...about];
  let timeoutMs = 0;
  let group = 0;
  let previous: Call | undefined;
  for (const { call } of batch) {
    keys.push(call.hash);
    if (call.timeoutMs > timeoutMs) timeoutMs = call.timeoutMs;
    if (previous !== undefined && asksTheSame(previous, call)) {
      args[group] = (args[group] as number) + 1;
    } else {
      group = args.length;
      args.push(1, call.operation, call.ttlMs, call.waitMs, call.shape, call.text);
    }
    args.push(call.token);
    previous = call;
  }
  return { keys, args, timeoutMs };
}

interface Packed {
  readonly keys: string[];
  readonly args: CommandArg[];
  readonly timeoutMs: number;
}

function asksTheSame(a: Call, b: Call): boolean {
  if (a.operation !== b.operation || a.ttlMs !== b.ttlMs || a.waitMs !== b.waitMs) return false;
  return a.shape === b.shape && a.text === b.text;
}

function settle(script: string, batch: readonly Pending[], reply: RunReply): void {
  if (reply.length !== 1 + 2 * batch.length) throw new BadReplyError(script, `${batch.length} answers`, reply);
  for (let index = 0; index < batch.length; index += 1) {
    const { call, resolve, reject } = batch[index] as Pending;
    try {
      resolve(readAnswer(call.operation, reply, index));
    } catch (error) {
      reject(error);
    }
  }
}
