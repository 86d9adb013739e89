import { Coalescer, type PendingCall } from '../client/coalescer.js';
import type { CommandArg } from '../client/calls/command.js';
import type { RedisManager } from '../client/manager.js';
import type { Script } from '../client/script.js';
import { Deadlines, Expiring } from '../core/deadlines.js';
import { BadReplyError, ServerError, TimeoutError } from '../core/errors.js';
import { type Answer, type Operation, readAnswer, run, type RunReply } from './scripts.js';

/** A lock's hash, and who asks about it. */
export interface Claim {
  readonly hash: string;
  readonly token: string;
}

/** How a lock is to be held. */
interface Hold {
  readonly ttlMs: number;
  readonly metadata: string;
}

/** How long one call waits for its answer: at most the manager's command timeout, which is the default. */
interface Limits {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Call extends Claim, Hold, Limits {
  readonly operation: Operation;
  readonly timeoutMs: number;
}

type Pending = PendingCall<Call, Answer>;
export type Grant = Pick<Answer, 'fence' | 'leaseMs'>;
type Extension = Pick<Answer, 'standing' | 'leaseMs'>;
type Told = Pick<Answer, 'standing'>;

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
export class LockCalls {
  readonly #script: Script<readonly CommandArg[], RunReply>;
  readonly #commandTimeoutMs: number;
  readonly #deadlines: Deadlines;
  readonly #coalescer: Coalescer<Call, Answer>;

  constructor(manager: RedisManager) {
    this.#script = manager.script(run);
    this.#commandTimeoutMs = manager.config.commandTimeoutMs;
    this.#deadlines = new Deadlines(manager.clock);
    const { slotOf } = manager;
    this.#coalescer = new Coalescer({
      maxCalls: MAX_CALLS,
      maxWeight: MAX_CHARS,
      weigh: ({ hash, metadata }) => hash.length + metadata.length,
      groupOf: slotOf === undefined ? undefined : ({ hash }) => slotOf(hash),
      send: (batch) => void this.#send(batch),
    });
  }

  /** No fence: another holds the lock. */
  acquire({ hash, token }: Claim, { ttlMs, metadata }: Hold, { timeoutMs, signal }: Limits): Promise<Grant> {
    const limitMs = this.#limitMs(timeoutMs);
    return this.#coalescer.add({ operation: 'acquire', hash, token, ttlMs, metadata, timeoutMs: limitMs, signal });
  }

  extend(claim: Claim, ttlMs: number, timeoutMs: number): Promise<Extension> {
    return this.#add('extend', claim, { ttlMs, timeoutMs });
  }

  release(claim: Claim, timeoutMs?: number): Promise<Told> {
    return this.#add('release', claim, { ttlMs: 0, timeoutMs });
  }

  verify(claim: Claim, timeoutMs: number): Promise<Told> {
    return this.#add('verify', claim, { ttlMs: 0, timeoutMs });
  }

  /** Sends what waits for the end of the tick while the manager still takes commands. */
  close(): void {
    this.#coalescer.flush();
    this.#deadlines.stop();
  }

  #add(
    operation: Operation,
    { hash, token }: Claim,
    { ttlMs, timeoutMs }: { ttlMs: number; timeoutMs: number | undefined },
  ): Promise<Answer> {
    const limitMs = this.#limitMs(timeoutMs);
    const call = { operation, hash, token, ttlMs, metadata: '', timeoutMs: limitMs, signal: undefined };
    return this.#coalescer.add(call);
  }

  #limitMs(timeoutMs = this.#commandTimeoutMs): number {
    return Math.max(1, Math.min(Math.ceil(timeoutMs), this.#commandTimeoutMs));
  }

  async #send(calls: readonly Pending[]): Promise<void> {
    const batch = withoutAborted(calls);
    if (batch.length === 0) return;
    const { keys, args, timeoutMs } = pack(batch);
    const limits = this.#limit(batch, timeoutMs);
    try {
      const reply = await this.#script.run(keys, args, { timeout: timeoutMs });
      settle(batch, reply);
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

/** The arguments of `lock.run`: hashes in order, and one group for each run of calls that ask for the same. */
function pack(batch: readonly Pending[]): { keys: string[]; args: CommandArg[]; timeoutMs: number } {
  const keys: string[] = [];
  const args: CommandArg[] = [];
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
      args.push(1, call.operation, call.ttlMs, call.metadata);
    }
    args.push(call.token);
    previous = call;
  }
  return { keys, args, timeoutMs };
}

function asksTheSame(a: Call, b: Call): boolean {
  return a.operation === b.operation && a.ttlMs === b.ttlMs && a.metadata === b.metadata;
}

function settle(batch: readonly Pending[], reply: RunReply): void {
  if (reply.length !== 1 + 2 * batch.length) throw new BadReplyError(run.name, `${batch.length} answers`, reply);
  for (let index = 0; index < batch.length; index += 1) {
    const { call, resolve, reject } = batch[index] as Pending;
    try {
      resolve(readAnswer(call.operation, reply, index));
    } catch (error) {
      reject(error);
    }
  }
}
