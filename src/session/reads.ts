import { Coalescer, type PendingCall } from '../client/coalescer.js';
import type { Reply } from '../client/driver.js';
import type { RedisManager } from '../client/manager.js';
import type { Script } from '../client/script.js';
import { BadReplyError, ServerError } from '../core/errors.js';
import { FIELDS_WITHOUT_USER } from './record.js';
import * as scripts from './scripts.js';
import type { ServerTime } from '../client/server-time.js';

type Pending = PendingCall<string, Reply>;

const BYTES = { reply: 'bytes' } as const;

/** A longer batch would keep the server from its other clients. */
const MAX_CALLS = 128;

/** Reads of one tick travel as one script call; a lone one as the `HMGET` that it is. */
export class SessionReads {
  readonly #manager: RedisManager;
  readonly #time: ServerTime;
  readonly #script: Script<readonly [], scripts.ReadReply>;
  readonly #coalescer: Coalescer<string, Reply>;

  constructor(manager: RedisManager, time: ServerTime) {
    this.#manager = manager;
    this.#time = time;
    this.#script = manager.script(scripts.read);
    this.#coalescer = new Coalescer({
      maxCalls: MAX_CALLS,
      maxWeight: Number.POSITIVE_INFINITY,
      weigh: () => 1,
      groupOf: manager.slotOf,
      send: (batch) => void this.#send(batch),
    });
  }

  /** What `HMGET key m s d` answers. Cost: 1 round trip, shared with the reads of the same tick. */
  read(key: string): Promise<Reply> {
    return this.#coalescer.add(key);
  }

  /** Sends the reads that wait, so that a write that was called after them also comes after them. */
  flush(): void {
    this.#coalescer.flush();
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    const [first] = batch as readonly [Pending];
    if (batch.length === 1) return this.#sendOne(first);
    try {
      const keys = batch.map(({ call }) => call);
      const sentMs = this.#manager.clock.monotonicMs();
      const { nowMs, records } = await this.#script.run(keys, [], BYTES);
      if (records.length !== keys.length) throw new BadReplyError('session.read', `${keys.length} records`, records);
      this.#time.sample(nowMs, sentMs);
      batch.forEach(({ resolve }, index) => resolve(records[index] as Reply));
    } catch (error) {
      this.#fail(batch, error);
    }
  }

  /** One forbidden key, or one key of another type, fails alone. Reading again does no harm. */
  #fail(batch: readonly Pending[], error: unknown): void {
    for (const pending of batch) {
      if (error instanceof ServerError) this.#sendOne(pending);
      else pending.reject(error);
    }
  }

  #sendOne({ call, resolve, reject }: Pending): void {
    this.#manager.command<Reply>(['HMGET', call, ...FIELDS_WITHOUT_USER], BYTES).then(resolve, reject);
  }
}
