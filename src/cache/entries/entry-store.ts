import type { RedisManager } from '../../client/manager.js';
import type { ScriptOf } from '../../client/script.js';
import type { Life } from '../options.js';
import { namespacePart } from '../epochs/epoch-value.js';
import type { Stamp } from '../epochs/epoch.js';
import * as scripts from './entry-scripts.js';
import { tagSection } from './tag-section.js';
import type { DoneReply } from './script-parts.js';

/** What is kept of an invalidation. */
export interface Quarantine {
  /** 0: nothing. */
  readonly quarantineMs: number;
  /** The header of an entry without a value. */
  readonly placeholder: Buffer;
}

/** Writes of entries that take more than a `SET`. Each costs 1 round trip. */
export class EntryStore {
  readonly #manager: RedisManager;
  readonly #channel: string;
  readonly #write: ScriptOf<typeof scripts.WRITE>;
  readonly #add: ScriptOf<typeof scripts.ADD>;
  readonly #restamp: ScriptOf<typeof scripts.RESTAMP>;
  readonly #slide: ScriptOf<typeof scripts.SLIDE>;
  readonly #touch: ScriptOf<typeof scripts.TOUCH>;
  readonly #bury: ScriptOf<typeof scripts.BURY>;
  readonly #markStale: ScriptOf<typeof scripts.MARK_STALE>;

  /** @param channel where it is told that a lease has ended that somebody waits for */
  constructor(manager: RedisManager, channel: string) {
    this.#manager = manager;
    this.#channel = channel;
    this.#write = manager.script(scripts.WRITE);
    this.#add = manager.script(scripts.ADD);
    this.#restamp = manager.script(scripts.RESTAMP);
    this.#slide = manager.script(scripts.SLIDE);
    this.#touch = manager.script(scripts.TOUCH);
    this.#bury = manager.script(scripts.BURY);
    this.#markStale = manager.script(scripts.MARK_STALE);
  }

  /** Stores an entry, over whatever the key holds. */
  async write(key: string, entry: Buffer, { ttlMs, graceMs }: Life): Promise<void> {
    await this.#done(this.#write.run([key], [entry, ttlMs, graceMs]));
  }

  /** Stores an entry unless the key is taken by anything but `invalid`: an entry up to its body. */
  add(key: string, entry: Buffer, { ttlMs, invalid }: { ttlMs: number; invalid: Buffer }): Promise<boolean> {
    return this.#done(this.#add.run([key], [entry, ttlMs, invalid]));
  }

  /** Stamps an entry as it should have been, if it is still there as it was written. */
  restamp(key: string, written: Buffer, { epoch, tags }: Stamp): Promise<boolean> {
    return this.#done(this.#restamp.run([key], [written, namespacePart(epoch), tagSection(tags)]));
  }

  /** Prolongs the lifetime of an entry that a read prolongs. */
  slide(key: string): Promise<boolean> {
    return this.#done(this.#slide.run([key], []));
  }

  /** Gives an entry a new lifetime from now on. False when there is none. */
  touch(key: string, ttlMs: number): Promise<boolean> {
    return this.#done(this.#touch.run([key], [ttlMs]));
  }

  /** True when there is a stale value now. Whoever loads the key may not store what it brings. */
  markStale(key: string, { quarantineMs, placeholder }: Quarantine): Promise<boolean> {
    return this.#done(this.#markStale.run([key], [this.#channel, quarantineMs, placeholder]));
  }

  /** Removes an entry and remembers that for a while. True when there was something. */
  bury(key: string, { quarantineMs, placeholder }: Quarantine): Promise<boolean> {
    return this.#done(this.#bury.run([key], [placeholder, quarantineMs, this.#channel]));
  }

  async #done(running: Promise<DoneReply>): Promise<boolean> {
    return (await this.#manager.serverTime.sampled(running)).done;
  }
}
