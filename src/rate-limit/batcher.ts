import { Coalescer, type PendingCall } from '../client/coalescer.js';
import type { RedisManager } from '../client/manager.js';
import type { Script } from '../client/script.js';
import type { Timer } from '../core/clock.js';
import { BadReplyError, ServerError, TimeoutError } from '../core/errors.js';
import { type Decision, decided, type Question, undecided } from './decision.js';
import { LimitStateError } from './errors.js';
import { take, type TakeReply } from './scripts.js';

/** What a decision becomes when Redis gives none. */
export type ErrorMode = 'open' | 'closed' | 'throw';

/** One request on its way to the server. */
export interface Request extends Question {
  readonly key: string;
  readonly onError: ErrorMode;
  readonly timeoutMs: number;
}

type Pending = PendingCall<Request, Decision>;

/** A longer batch would keep the server from its other clients: 128 decisions take it about half a millisecond. */
const MAX_CALLS = 128;
const MAX_KEY_CHARS = 65_536;

/**
 * Sends the requests of one tick in one script call, and gives each its own decision.
 *
 * At most once: what may have run is never sent again. Only a batch that was refused as a whole before it ran, for
 * want of permission, is sent anew, one request at a time, so that a forbidden key fails alone.
 */
export class DecisionBatcher {
  readonly #manager: RedisManager;
  readonly #script: Script<readonly number[], TakeReply>;
  readonly #coalescer: Coalescer<Request, Decision>;

  constructor(manager: RedisManager) {
    this.#manager = manager;
    this.#script = manager.script(take);
    const { slotOf } = manager;
    this.#coalescer = new Coalescer({
      maxCalls: MAX_CALLS,
      maxWeight: MAX_KEY_CHARS,
      weigh: ({ key }) => key.length,
      groupOf: slotOf === undefined ? undefined : ({ key }) => slotOf(key),
      send: (batch) => void this.#send(batch),
    });
  }

  decide(request: Request): Promise<Decision> {
    return this.#coalescer.add(request);
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    const { keys, args, timeoutMs } = pack(batch);
    const timers = this.#endSooner(batch, timeoutMs);
    try {
      const { answers } = await this.#script.run(keys, args, { timeout: timeoutMs });
      if (answers.length !== batch.length) throw new BadReplyError('limit.take', `${batch.length} answers`, answers);
      this.#settle(batch, answers);
    } catch (error) {
      this.#fail(batch, error);
    } finally {
      for (const timer of timers) timer.cancel();
    }
  }

  /** The batch waits as long as its most patient request; those that wait less have a timer each. */
  #endSooner(batch: readonly Pending[], timeoutMs: number): readonly Timer[] {
    const timers: Timer[] = [];
    for (const pending of batch) {
      const ownMs = pending.call.timeoutMs;
      if (ownMs === timeoutMs) continue;
      const end = (): void => this.#fail([pending], new TimeoutError(take.name, ownMs));
      timers.push(this.#manager.clock.timer(ownMs, end));
    }
    return timers;
  }

  #settle(batch: readonly Pending[], answers: TakeReply['answers']): void {
    const source = batch.length === 1 ? 'redis' : 'batch';
    for (let index = 0; index < batch.length; index += 1) {
      const pending = batch[index] as Pending;
      const answer = answers[index] ?? null;
      if (answer === null) this.#fail([pending], new LimitStateError(pending.call.key));
      else pending.resolve(decided(pending.call, answer, source));
    }
  }

  #fail(batch: readonly Pending[], error: unknown): void {
    if (batch.length > 1 && error instanceof ServerError && error.replyCode === 'NOPERM') {
      for (const pending of batch) void this.#send([pending]);
      return;
    }
    let hidden = false;
    for (const { call, resolve, reject } of batch) {
      if (call.onError === 'throw') reject(error);
      else {
        hidden = true;
        resolve(undecided(call, call.onError));
      }
    }
    if (hidden) this.#manager.reportError('rate-limit', error);
  }
}

/** The arguments of `limit.take`: keys in order, and one group for each run of requests that ask for the same. */
function pack(batch: readonly Pending[]): { keys: string[]; args: number[]; timeoutMs: number } {
  const keys: string[] = [];
  const args: number[] = [];
  let timeoutMs = 0;
  let run = 0;
  let previous: Request | undefined;
  for (const { call } of batch) {
    keys.push(call.key);
    if (call.timeoutMs > timeoutMs) timeoutMs = call.timeoutMs;
    if (previous?.bucket === call.bucket && previous.cost === call.cost) {
      args[run] = (args[run] as number) + 1;
    } else {
      run = args.length;
      args.push(1, call.bucket.fullUnits, call.bucket.unitsPerUs, call.cost * call.bucket.unitsPerToken);
    }
    previous = call;
  }
  return { keys, args, timeoutMs };
}
