import { Coalescer, type PendingCall } from '../../client/coalescer.js';
import type { RedisManager } from '../../client/manager.js';
import type { ScriptOf } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import { Epoch } from './epoch.js';
import { CHANGE, type ChangeMode } from './epoch-script.js';
import { isEpoch, TAG_EPOCH_BYTES } from './epoch-value.js';

const BYTES = { reply: 'bytes' } as const;
const MAX_KEYS = 128;
/** How many epochs a process remembers. One that it has forgotten costs a write a round trip more. */
const MAX_KNOWN = 20_000;

/**
 * The epochs of namespaces and tags, by their keys.
 *
 * Whoever writes an entry asks which epochs are the present ones, and in the same tick stamps and sends the entry with those
 * that it believes to be. If they are others, the entry was of no use, and is stamped anew. So a write costs one round
 * trip, and is never invisible to those who come after it.
 */
export class Epochs {
  readonly #manager: RedisManager;
  readonly #change: ScriptOf<typeof CHANGE>;
  readonly #reads: Coalescer<string, Buffer | null>;
  readonly #known = new Map<string, Epoch>();

  constructor(manager: RedisManager) {
    this.#manager = manager;
    this.#change = manager.script(CHANGE);
    this.#reads = new Coalescer<string, Buffer | null>({
      maxCalls: MAX_KEYS,
      maxWeight: Number.POSITIVE_INFINITY,
      weigh: () => 0,
      groupOf: manager.slotOf,
      send: (batch) => void this.#read(batch),
    });
  }

  /** The epoch at a key: always the same one, unless it was forgotten meanwhile. */
  of(key: string): Epoch {
    return this.#known.get(key) ?? this.#add(new Epoch(key, this.#manager));
  }

  /** Takes note of what a reply said. */
  observe(key: string, found: Buffer | null): void {
    const known = this.#known.get(key);
    if (known !== undefined) known.observe(found);
    else if (found !== null) this.#add(new Epoch(key, this.#manager, Buffer.from(found)));
  }

  /** What they are now; null for one that there is not. Those of a tick travel together. Cost: 1 round trip. */
  read(key: string): Promise<Buffer | null> {
    return this.#reads.add(key);
  }

  /** Ends the epoch: what was written until now is invalid. Cost: 1 round trip. */
  async change(key: string, mode: ChangeMode): Promise<void> {
    const known = this.of(key);
    known.forget();
    await this.#change.run([key], [this.#manager.random.bytes(TAG_EPOCH_BYTES), mode, known.keptMs]);
  }

  async #read(batch: readonly PendingCall<string, Buffer | null>[]): Promise<void> {
    const keys = [...new Set(batch.map(({ call }) => call))];
    try {
      const reply: unknown = await this.#manager.command([keys.length === 1 ? 'GET' : 'MGET', ...keys], BYTES);
      const answers: unknown = keys.length === 1 ? [reply] : reply;
      if (!Array.isArray(answers) || answers.length !== keys.length) {
        throw new BadReplyError('MGET', 'one value per key', reply);
      }
      // what is no epoch counts as none: entries are then invalid, which is on the safe side
      const found = new Map(keys.map((key, index) => [key, isEpoch(answers[index]) ? answers[index] : null]));
      for (const [key, epoch] of found) this.observe(key, epoch);
      for (const { call, resolve } of batch) resolve(found.get(call) ?? null);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #add(epoch: Epoch): Epoch {
    this.#known.set(epoch.key, epoch);
    if (this.#known.size > MAX_KNOWN) this.#forgetOldest();
    return epoch;
  }

  #forgetOldest(): void {
    for (const key of this.#known.keys()) {
      this.#known.delete(key);
      return;
    }
  }
}
