import type { RedisManager } from '../../client/manager.js';
import { BadReplyError } from '../../core/errors.js';
import type { Tag } from '../entries/tag-section.js';
import { isEpoch, newEpoch } from './epoch-value.js';

/** A question what an epoch is now. */
export interface Confirmation {
  /** As soon as it is known. */
  answer: Buffer | undefined;
  readonly answered: Promise<Buffer>;
}

/** The epochs in which an entry is written: that of its namespace, and those of its tags. */
export interface Stamp {
  readonly epoch: Buffer;
  readonly tags: readonly Tag[];
  /** When the last of them began, by an invalidation, by the server's clock; 0: none did. */
  readonly changedMs: number;
}

const NO_TAGS: readonly Tag[] = [];
const BYTES = { reply: 'bytes' } as const;
const IDEMPOTENT = { reply: 'bytes', idempotent: true } as const;
/** An epoch is kept for four times as long as what is written under it lives, and renewed when a half of that is left. */
const KEPT_FACTOR = 4;
const ENOUGH_FACTOR = 2;
const MIN_KEPT_MS = 3_600_000;

/** What this process knows of the epoch at one key. */
export class Epoch {
  readonly key: string;
  readonly #manager: RedisManager;
  #name: Buffer;
  #bare: Stamp;
  #isSeen: boolean;
  /** Redis keeps it at least until then, by the monotonic clock, unless it is evicted. */
  #keptUntilMs = 0;
  /** The longest lifetime of what is written under it. */
  #lifeMs = 0;
  #asking: Confirmation | undefined;

  /** @param seen what a reply said it is */
  constructor(key: string, manager: RedisManager, seen?: Buffer) {
    this.key = key;
    this.#manager = manager;
    this.#name = seen ?? newEpoch(manager.random);
    this.#isSeen = seen !== undefined;
    this.#bare = { epoch: this.#name, tags: NO_TAGS, changedMs: 0 };
  }

  /** What an entry may be stamped with before the server was asked: as last seen, or new if it was not. */
  get guess(): Buffer {
    return this.#name;
  }

  /** What an entry without tags is stamped with: one object for as long as the epoch is the same. */
  get bareGuess(): Stamp {
    if (this.#bare.epoch !== this.#name) this.#bare = { epoch: this.#name, tags: NO_TAGS, changedMs: 0 };
    return this.#bare;
  }

  /** For how long it is to be kept. */
  get keptMs(): number {
    return Math.max(MIN_KEPT_MS, KEPT_FACTOR * this.#lifeMs);
  }

  /** Takes note of what a reply said. */
  observe(found: Buffer | null): void {
    if (found === null) {
      if (this.#isSeen) this.forget();
    } else if (!this.#isSeen || !found.equals(this.#name)) {
      // a copy: it shares memory with all that came with it
      this.#see(Buffer.from(found));
    }
  }

  /** It is another one by now, or was lost: one that was lost never comes back. */
  forget(): void {
    this.#isSeen = false;
    this.#name = newEpoch(this.#manager.random);
  }

  /**
   * What it is now; made where there is none, and kept for longer than an entry of this lifetime. Cost: 1 round trip, one
   * command for all who ask in one tick; 2 commands now and then.
   */
  confirm(lifeMs: number): Confirmation {
    if (lifeMs > this.#lifeMs) this.#lifeMs = lifeMs;
    // whoever asks in this tick, and before the answer, can know of nothing that happens after it has begun
    if (this.#asking !== undefined && this.#asking.answer === undefined) return this.#asking;
    const asking: Confirmation = { answer: undefined, answered: this.#ask() };
    this.#asking = asking;
    const forget = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    process.nextTick(forget);
    // handled by this, too: whoever asked may fail for a reason of its own first
    asking.answered.then((epoch) => (asking.answer = epoch), forget);
    return asking;
  }

  async #ask(): Promise<Buffer> {
    const isKept = this.#keptUntilMs - this.#manager.clock.monotonicMs() >= ENOUGH_FACTOR * this.#lifeMs;
    if (this.#isSeen && isKept) {
      const found: unknown = await this.#manager.command(['GET', this.key], BYTES);
      if (isEpoch(found)) return this.#see(found);
      this.forget();
    }
    return this.#make();
  }

  async #make(): Promise<Buffer> {
    const { keptMs } = this;
    const sentMs = this.#manager.clock.monotonicMs();
    const fresh = this.#isSeen ? newEpoch(this.#manager.random) : this.#name;
    const [before] = await Promise.all([
      this.#manager.command(['SET', this.key, fresh, 'NX', 'GET', 'PX', keptMs], IDEMPOTENT),
      this.#manager.command(['PEXPIRE', this.key, keptMs, 'GT'], IDEMPOTENT),
    ]).catch((error: unknown) => {
      // it may be there by now; if it is lost again, it must not be made a second time
      this.forget();
      throw error;
    });
    if (before !== null && !isEpoch(before)) throw new BadReplyError('SET', 'an epoch', before);
    this.#keptUntilMs = sentMs + keptMs;
    return this.#see(before ?? fresh);
  }

  #see(epoch: Buffer): Buffer {
    if (!epoch.equals(this.#name)) this.#name = epoch;
    this.#isSeen = true;
    return this.#name;
  }
}
