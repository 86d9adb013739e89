import { Coalescer, type PendingCall } from '../../client/coalescer.js';
import type { RedisManager } from '../../client/manager.js';
import type { ScriptOf } from '../../client/script.js';
import { BadReplyError } from '../../core/errors.js';
import { CHANGE, type ChangeMode } from './epoch-script.js';
import { isEpoch, newEpoch, TAG_EPOCH_BYTES } from './epoch-value.js';

/** What this process knows of one epoch. */
interface Known {
  /** As last seen, or a new one that would be its name if there is none. */
  epoch: Buffer;
  isSeen: boolean;
  /** Redis keeps it at least until then, by the monotonic clock, unless it is evicted. */
  keptUntilMs: number;
  /** The answer that is asked for at the end of this tick. */
  asking: Promise<Buffer> | undefined;
  /** For how long what is being written lives. */
  lifeMs: number;
}

const BYTES = { reply: 'bytes' } as const;
const IDEMPOTENT = { reply: 'bytes', idempotent: true } as const;
const MAX_KEYS = 128;
/** How many epochs a process remembers. One that it has forgotten costs a round trip more. */
const MAX_KNOWN = 10_000;
/** An epoch is kept for twice as long as what is written under it lives, and renewed when a half of that is left. */
const KEPT_FACTOR = 4;
const ENOUGH_FACTOR = 2;
const MIN_KEPT_MS = 3_600_000;

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
  readonly #known = new Map<string, Known>();

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

  /** What an entry may be stamped with before the server was asked: `confirm` tells whether it was right. */
  guess(key: string): Buffer {
    return this.#knownOf(key).epoch;
  }

  /** Takes note of what a reply said. */
  observe(key: string, epoch: Buffer | null): void {
    const known = this.#known.get(key);
    if (epoch === null) {
      if (known?.isSeen === true) this.#known.delete(key);
    } else if (known?.isSeen !== true || !epoch.equals(known.epoch)) {
      // a copy: it shares memory with all that came with it
      this.#seen(key, Buffer.from(epoch));
    }
  }

  /** What they are now; null for one that there is not. Those of a tick travel together. Cost: 1 round trip. */
  read(key: string): Promise<Buffer | null> {
    return this.#reads.add(key);
  }

  /**
   * What it is now; made where there is none, and kept for longer than an entry of this lifetime. Cost: 1 round trip, one
   * command per epoch for all who ask in one tick; 2 commands now and then.
   */
  confirm(key: string, lifeMs: number): Promise<Buffer> {
    const known = this.#knownOf(key);
    if (lifeMs > known.lifeMs) known.lifeMs = lifeMs;
    if (known.asking === undefined) {
      const asking = this.#ask(key, known);
      known.asking = asking;
      const forget = (): void => {
        if (known.asking === asking) known.asking = undefined;
      };
      // whoever asks in this tick, and before the answer, can know of nothing that happens after it has begun
      process.nextTick(forget);
      asking.then(forget, forget); // handled by this, too: whoever asked may fail for a reason of its own first
    }
    return known.asking;
  }

  /** Ends the epoch: what was written until now is invalid. Cost: 1 round trip. */
  async change(key: string, mode: ChangeMode): Promise<void> {
    const lifeMs = keptMs(this.#known.get(key)?.lifeMs ?? 0);
    this.#known.delete(key);
    await this.#change.run([key], [this.#manager.random.bytes(TAG_EPOCH_BYTES), mode, lifeMs]);
  }

  async #ask(key: string, known: Known): Promise<Buffer> {
    const isKept = known.keptUntilMs - this.#manager.clock.monotonicMs() >= ENOUGH_FACTOR * known.lifeMs;
    if (known.isSeen && isKept) {
      const found = epochIn(await this.#manager.command(['GET', key], BYTES));
      if (found !== null) return this.#seen(key, found);
    }
    return this.#make(key, known);
  }

  /** An epoch that was lost is replaced by one that never was. */
  async #make(key: string, known: Known): Promise<Buffer> {
    const { clock, random } = this.#manager;
    const lifeMs = keptMs(known.lifeMs);
    const sentMs = clock.monotonicMs();
    const fresh = known.isSeen ? newEpoch(random) : known.epoch;
    const [before] = await Promise.all([
      this.#manager.command(['SET', key, fresh, 'NX', 'GET', 'PX', lifeMs], IDEMPOTENT),
      this.#manager.command(['PEXPIRE', key, lifeMs, 'GT'], IDEMPOTENT),
    ]).catch((error: unknown) => {
      // it may be there by now; if it is lost again, it must not be made a second time
      this.#known.delete(key);
      throw error;
    });
    if (before !== null && !isEpoch(before)) throw new BadReplyError('SET', 'an epoch', before);
    this.#knownOf(key).keptUntilMs = sentMs + lifeMs;
    return this.#seen(key, before ?? fresh);
  }

  #seen(key: string, epoch: Buffer): Buffer {
    const known = this.#knownOf(key);
    if (!epoch.equals(known.epoch)) known.epoch = epoch;
    known.isSeen = true;
    return known.epoch;
  }

  async #read(batch: readonly PendingCall<string, Buffer | null>[]): Promise<void> {
    const keys = [...new Set(batch.map(({ call }) => call))];
    try {
      const reply: unknown = await this.#manager.command([keys.length === 1 ? 'GET' : 'MGET', ...keys], BYTES);
      const answers: unknown = keys.length === 1 ? [reply] : reply;
      if (!Array.isArray(answers) || answers.length !== keys.length) {
        throw new BadReplyError('MGET', 'one value per key', reply);
      }
      const found = new Map(keys.map((key, index) => [key, epochIn(answers[index])]));
      for (const [key, epoch] of found) this.observe(key, epoch);
      for (const { call, resolve } of batch) resolve(found.get(call) ?? null);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  #knownOf(key: string): Known {
    let known = this.#known.get(key);
    if (known === undefined) {
      const epoch = newEpoch(this.#manager.random);
      known = { epoch, isSeen: false, keptUntilMs: 0, asking: undefined, lifeMs: 0 };
      this.#known.set(key, known);
      if (this.#known.size > MAX_KNOWN) this.#forgetOldest();
    }
    return known;
  }

  #forgetOldest(): void {
    for (const key of this.#known.keys()) {
      this.#known.delete(key);
      return;
    }
  }
}

function keptMs(lifeMs: number): number {
  return Math.max(MIN_KEPT_MS, KEPT_FACTOR * lifeMs);
}

/** What is no epoch counts as none: entries are then invalid, which is on the safe side. */
function epochIn(reply: unknown): Buffer | null {
  return isEpoch(reply) ? reply : null;
}
