import type { Reply } from '../client/driver.js';
import type { RedisManager } from '../client/manager.js';
import type { ScriptOf } from '../client/script.js';
import { BadReplyError } from '../core/errors.js';
import { touchEveryMs, type Lifetime } from './lifetime.js';
import { FIELDS, toRecord, type SessionRecord } from './record.js';
import * as scripts from './scripts.js';
import { SessionReads } from './reads.js';
import type { ServerTime } from '../client/server-time.js';

/** The parts of a session that are sealed together with its times. */
export interface Sealed {
  readonly userTag: string;
  readonly about: Uint8Array;
  readonly data: Uint8Array;
}

const BYTES = { reply: 'bytes' } as const;

/** The second attempt proposes the time that the first was answered: a third is for a clock that is just being set. */
const CREATE_ATTEMPTS = 3;

/**
 * Sessions as Redis sees them: hashes with times. Knows nothing of ids, users and data.
 *
 * Reading writes nothing and asks no clock: an `HMGET`, or one script for all reads of a tick. The server's own expiry
 * makes a session vanish; the script `touch` is asked whenever the record alone cannot tell that the session lives (its
 * expiry has passed by our estimate of the server's time, as when somebody ran `PERSIST`) or a use is due to be written.
 */
export class SessionStore {
  readonly #manager: RedisManager;
  readonly #time: ServerTime;
  readonly #reads: SessionReads;
  readonly #create: ScriptOf<typeof scripts.create>;
  readonly #touch: ScriptOf<typeof scripts.touch>;
  readonly #extend: ScriptOf<typeof scripts.extend>;
  readonly #save: ScriptOf<typeof scripts.save>;
  readonly #touching = new Map<string, Promise<scripts.Written>>();

  constructor(manager: RedisManager) {
    this.#manager = manager;
    this.#time = manager.serverTime;
    this.#reads = new SessionReads(manager, this.#time);
    this.#create = manager.script(scripts.create);
    this.#touch = manager.script(scripts.touch);
    this.#extend = manager.script(scripts.extend);
    this.#save = manager.script(scripts.save);
  }

  /** Writes a new session. Cost: 1 round trip, 2 before the server's time is known. */
  async create(key: string, life: Lifetime, seal: (createdMs: number, deadlineMs: number) => Sealed): Promise<void> {
    let createdMs = this.#time.earliestMs() ?? (await this.#time.ask());
    for (let attempt = 1; ; attempt += 1) {
      const deadlineMs = createdMs + life.absoluteMs;
      const { userTag, about, data } = seal(createdMs, deadlineMs);
      const args = [createdMs, deadlineMs, life.ttlMs, life.idleMs, userTag, about, data] as const;
      const { status, nowMs } = await this.#time.sampled(this.#create.run([key], args));
      if (status === 'created') return;
      // a random id that is taken means a broken source of randomness: nothing that trying again would cure
      if (status === 'taken') throw new BadReplyError('session.create', 'that a new id is free', status);
      if (attempt === CREATE_ATTEMPTS) throw new BadReplyError('session.create', 'that its time stands still', nowMs);
      createdMs = nowMs;
    }
  }

  /** Everything but the user. Cost: 1 round trip, shared with the reads of the same tick. */
  async read(key: string): Promise<SessionRecord | undefined> {
    const asked = this.#time.shouldAsk() ? this.#time.ask() : undefined;
    const read = this.#reads.read(key);
    if (asked !== undefined) await Promise.all([asked, read]);
    return toRecord(key, await read);
  }

  /** With the user. Cost: 1 round trip; now and then a `TIME` travels along. */
  async readAll(key: string): Promise<SessionRecord | undefined> {
    const asked = this.#time.shouldAsk() ? this.#time.ask() : undefined;
    const read = this.#manager.command<Reply>(['HMGET', key, ...FIELDS], BYTES);
    if (asked !== undefined) await Promise.all([asked, read]);
    return toRecord(key, await read);
  }

  /** Whether a record that was just read needs `touch`: its use should be written, or its end seems to have passed. */
  needsTouch(record: SessionRecord): boolean {
    const nowMs = this.#time.earliestMs() ?? 0;
    return nowMs - record.seenMs >= touchEveryMs(record.idleMs) || nowMs >= record.expiresMs;
  }

  /** Writes a use and slides the expiry; calls for one session share one command. Cost: 1 round trip. */
  async touch(key: string, record: SessionRecord): Promise<SessionRecord | undefined> {
    let flight = this.#touching.get(key);
    if (flight === undefined) {
      const touching = this.#time.sampled(this.#touch.run([key], [touchEveryMs(record.idleMs)]));
      flight = touching.finally(() => this.#touching.delete(key));
      this.#touching.set(key, flight);
    }
    const { live } = await flight;
    return live === undefined ? undefined : { ...record, ...live };
  }

  /** False when the session is gone. Cost: 1 round trip. */
  async extend(key: string, ttlMs: number): Promise<boolean> {
    this.#reads.flush();
    const { live } = await this.#time.sampled(this.#extend.run([key], [ttlMs]));
    return live !== undefined;
  }

  /** Replaces the data if the session lives and still has the record's revision. Cost: 1 round trip. */
  async save(key: string, record: SessionRecord, data: Uint8Array): Promise<scripts.SaveReply> {
    return this.#time.sampled(this.#save.run([key], [record.revision, data]));
  }

  /** False when there was nothing to destroy. Cost: 1 round trip. */
  async destroy(key: string): Promise<boolean> {
    this.#reads.flush();
    return (await this.#manager.command(['UNLINK', key])) === 1;
  }

  /** What a script of ours answers has the server's time with it. */
}
