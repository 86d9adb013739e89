import type { RedisManager } from '../../client/manager.js';
import type { ScriptOf } from '../../client/script.js';
import type { Life } from '../options.js';
import * as scripts from './entry-scripts.js';
import type { DoneReply } from './script-parts.js';

/** Writes of entries that take more than a `SET`. Each costs 1 round trip. */
export class EntryStore {
  readonly #manager: RedisManager;
  readonly #channel: string;
  readonly #write: ScriptOf<typeof scripts.WRITE>;
  readonly #add: ScriptOf<typeof scripts.ADD>;
  readonly #touch: ScriptOf<typeof scripts.TOUCH>;
  readonly #markStale: ScriptOf<typeof scripts.MARK_STALE>;

  /** @param channel where it is told that a lease has ended that somebody waits for */
  constructor(manager: RedisManager, channel: string) {
    this.#manager = manager;
    this.#channel = channel;
    this.#write = manager.script(scripts.WRITE);
    this.#add = manager.script(scripts.ADD);
    this.#touch = manager.script(scripts.TOUCH);
    this.#markStale = manager.script(scripts.MARK_STALE);
  }

  /** Stores an entry, over whatever the key holds. */
  async write(key: string, entry: Buffer, { ttlMs, graceMs }: Life): Promise<void> {
    await this.#done(this.#write.run([key], [entry, ttlMs, graceMs]));
  }

  /** Stores an entry unless the key is taken. */
  add(key: string, entry: Buffer, ttlMs: number): Promise<boolean> {
    return this.#done(this.#add.run([key], [entry, ttlMs]));
  }

  /** Gives an entry a new lifetime from now on. False when there is none. */
  touch(key: string, ttlMs: number): Promise<boolean> {
    return this.#done(this.#touch.run([key], [ttlMs]));
  }

  /** True when there is a stale value now. Whoever loads the key may not store what it brings. */
  markStale(key: string): Promise<boolean> {
    return this.#done(this.#markStale.run([key], [this.#channel]));
  }

  async #done(running: Promise<DoneReply>): Promise<boolean> {
    const sentMs = this.#manager.clock.monotonicMs();
    const { done, nowMs } = await running;
    this.#manager.serverTime.sample(nowMs, sentMs);
    return done;
  }
}
