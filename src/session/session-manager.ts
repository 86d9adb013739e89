import type { RedisManager } from '../client/manager.js';
import { createCodec } from '../codec/index.js';
import { checkInteger, checkKnown, checkText } from '../core/check.js';
import { toMs, type Duration } from '../core/duration.js';
import { Emitter, type Unsubscribe } from '../core/emitter.js';
import { liesWithStore } from './errors.js';
import type { SessionEvents, SessionOperation } from './events.js';
import { toLifetime, type SessionTtl } from './lifetime.js';
import { toSettings, type SessionHost, type SessionOptions, type SessionSettings } from './options.js';
import type { SessionRecord } from './record.js';
import { SessionIds, type SessionName } from './session-id.js';
import { checkData, SessionSeal } from './session-seal.js';
import { toView, type SessionView } from './session-view.js';
import { SessionStore } from './store.js';
import { updateStored, type OpenSession } from './update.js';

export interface CreateOptions {
  /** Whose session it is. Sealed like the data; in Redis it shows only as a hash. */
  readonly userId?: string | undefined;
}

export interface UpdateOptions {
  /** Write only if the session is still at this revision. */
  readonly ifRevision?: number | undefined;
}

/**
 * Server-side sessions: an id that says nothing, for data that lives in Redis.
 *
 * Guarantees:
 * - A session that was destroyed or has expired stays dead: no write that was under way brings it back.
 * - Updates of one session do not lose each other's changes.
 * - Time is the server's. Nothing moves the absolute deadline; under a key ring not even an edit in Redis.
 * - Redis holds no id, only its hash, and under a key ring no data and no user.
 * - A failing store is an error, never "no such session". Data that does not decode, or was tampered with, is an error
 *   too, and is left in place.
 *
 * Not guaranteed: whoever may write to Redis can delete sessions, restore an older state of one, and prolong its idle
 * time up to the absolute deadline.
 *
 * What is no id of ours (43 characters of base64url) is answered without asking the server.
 *
 * Errors of every method: ConfigError `RU_CONFIG` (arguments; nothing was sent); ConnectionError, TimeoutError,
 * ClosedError with `outcome`; ServerError `RU_SERVER`; BadReplyError `RU_BAD_REPLY`. Of those that read or write data:
 * EncryptionError `RU_ENCRYPTION`, DecodeError `RU_DECODE`, SerializationError `RU_SERIALIZATION`.
 */
export class SessionManager<T extends object = Record<string, unknown>> {
  readonly #settings: SessionSettings;
  readonly #ids: SessionIds;
  readonly #store: SessionStore;
  readonly #seal: SessionSeal;
  readonly #events = new Emitter<SessionEvents>();

  /**
   * @param cache the cache manager whose connection and way of writing values sessions use, or a RedisManager
   * @throws ConfigError, also for a manager whose client sends again what may have run (`capabilities`)
   */
  constructor(cache: SessionHost | RedisManager, options: SessionOptions<T> = {}) {
    this.#settings = toSettings(cache, options);
    const { manager, prefix, pepper, codec } = this.#settings;
    manager.requireAtMostOnce('SessionManager');
    this.#ids = new SessionIds({ keys: manager.keySpace('session', prefix), random: manager.random, pepper });
    this.#store = new SessionStore(manager);
    this.#seal = new SessionSeal(createCodec(codec));
  }

  /**
   * Creates a session and returns its id: 256 random bits as 43 characters of base64url, to be given to its owner alone.
   *
   * @param data a plain object; a copy is stored
   * @param ttl a duration: fixed expiry, moved only by `extendSession`. `{ idle, absolute }`: slides on use. Cut at the
   *        absolute deadline. Default: the option `ttl`
   * Cost: 1 round trip; 2 for the first of a manager, which has to ask for the server's time.
   */
  async createSession(data: T, ttl?: SessionTtl, options: CreateOptions = {}): Promise<string> {
    checkKnown('createSession', options, ['userId']);
    const checked = checkData('createSession.data', data);
    const { absoluteMs, defaultLifetime } = this.#settings;
    const life = ttl === undefined ? defaultLifetime : toLifetime(ttl, absoluteMs, 'createSession.ttl');
    const userId = options.userId === undefined ? undefined : checkText('createSession.userId', options.userId);
    const userTag = userId === undefined ? '' : this.#ids.userTag(userId);
    const id = this.#ids.create();
    const name = this.#ids.nameOf(id);
    try {
      await this.#store.create(name.key, life, (createdMs, deadlineMs) => {
        const bound = [String(createdMs), String(deadlineMs), userTag] as const;
        return {
          userTag,
          about: this.#seal.sealUser(name.key, bound, userId),
          data: this.#seal.sealData(name.key, bound, checked),
        };
      });
    } catch (error) {
      throw this.#failed('create', name, error);
    }
    this.#events.emit('created', { tag: name.tag });
    return id;
  }

  /**
   * The data of a session, as a copy of its own; undefined when there is none that lives. Using a sliding session
   * prolongs it: when this resolves, at least nine tenths of its idle time lie ahead (less only at the deadline).
   *
   * Cost: 1 round trip, shared with the other reads of the same tick; a second one when a use is due to be written:
   * once a minute at most, or once per tenth of an idle time shorter than ten minutes.
   */
  async getSession<D = T>(id: string): Promise<D | undefined> {
    const name = this.#ids.name(id);
    if (name === undefined) return undefined;
    try {
      const found = await this.#live(name, await this.#store.read(name.key));
      return found === undefined ? undefined : (found.data as D);
    } catch (error) {
      throw this.#failed('read', name, error);
    }
  }

  /** As `getSession`, with revision, times and user. Same cost. */
  async readSession(id: string): Promise<SessionView<T> | undefined> {
    const name = this.#ids.name(id);
    if (name === undefined) return undefined;
    try {
      const found = await this.#live(name, await this.#store.readAll(name.key));
      return found === undefined ? undefined : this.#view(name, found);
    } catch (error) {
      throw this.#failed('read', name, error);
    }
  }

  /**
   * Makes the session end `ttl` from now, or at its absolute deadline if that is earlier. This may also shorten it.
   * A sliding session goes on sliding: later uses never cut what this gave.
   *
   * @returns false when the session is gone
   * Cost: 1 round trip.
   */
  async extendSession(id: string, ttl: Duration): Promise<boolean> {
    const ttlMs = toMs(ttl, 'extendSession.ttl');
    const name = this.#ids.name(id);
    if (name === undefined) return false;
    const extended = await this.#store.extend(name.key, ttlMs).catch((error: unknown) => {
      throw this.#failed('extend', name, error);
    });
    if (extended) this.#events.emit('extended', { tag: name.tag });
    else this.#events.emit('unknown', { tag: name.tag, operation: 'extend' });
    return extended;
  }

  /**
   * Changes the data: the properties of a patch replace those of the data (`undefined` removes one), a function is given
   * a private copy and returns the new data. Counts as a use.
   *
   * When another update comes between reading and writing, this one is made again from the new data; so a function may
   * be called several times. With `ifRevision` it is not made again.
   *
   * @returns the session as it was written; undefined when it is gone
   * @throws SessionConflictError `RU_SESSION_CONFLICT`: another revision than `ifRevision`, or still another update in
   *         between after 24 attempts; nothing was written. Whatever the function throws
   * Cost: 2 round trips; 2 more per attempt.
   */
  async updateSession(
    id: string,
    patch: Partial<T> | ((data: T) => T | Promise<T>),
    options: UpdateOptions = {},
  ): Promise<SessionView<T> | undefined> {
    checkKnown('updateSession', options, ['ifRevision']);
    const ifRevision =
      options.ifRevision === undefined
        ? undefined
        : checkInteger('updateSession.ifRevision', options.ifRevision, { min: 0, max: Number.MAX_SAFE_INTEGER });
    if (typeof patch !== 'function') checkData('updateSession.patch', patch);
    const name = this.#ids.name(id);
    if (name === undefined) return undefined;
    try {
      const parts = { store: this.#store, seal: this.#seal, runtime: this.#settings.manager };
      const updated = await updateStored(parts, name.key, { patch, ifRevision });
      if (updated === undefined) {
        this.#events.emit('unknown', { tag: name.tag, operation: 'update' });
        return undefined;
      }
      this.#events.emit('updated', { tag: name.tag, revision: updated.record.revision });
      return this.#view(name, updated);
    } catch (error) {
      throw this.#failed('update', name, error);
    }
  }

  /** Ends a session for good. @returns false when there was none. Cost: 1 round trip. */
  async destroySession(id: string): Promise<boolean> {
    const name = this.#ids.name(id);
    if (name === undefined) return false;
    const destroyed = await this.#store.destroy(name.key).catch((error: unknown) => {
      throw this.#failed('destroy', name, error);
    });
    if (destroyed) this.#events.emit('destroyed', { tag: name.tag });
    return destroyed;
  }

  /**
   * Listens for an event; returns what removes the listener. A listener that throws becomes a process warning.
   */
  on<E extends keyof SessionEvents>(event: E, listener: (payload: SessionEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  /** The live session, its use written when that is due. Opened first, so that what was tampered with never slides. */
  async #live({ key, tag }: SessionName, record: SessionRecord | undefined): Promise<OpenSession | undefined> {
    if (record !== undefined) {
      const data = this.#seal.openData(key, record);
      const live = this.#store.needsTouch(record) ? await this.#store.touch(key, record) : record;
      if (live !== undefined) return { record: live, data };
    }
    this.#events.emit('unknown', { tag, operation: 'read' });
    return undefined;
  }

  #view({ key }: SessionName, { record, data }: OpenSession): SessionView<T> {
    return toView(record, data as T, this.#seal.openUser(key, record));
  }

  /** Tells the event of a failure that lies with the store or what it holds, and gives the error back to be thrown. */
  #failed(operation: SessionOperation, { tag }: SessionName, error: unknown): unknown {
    if (liesWithStore(error)) this.#events.emit('error', { tag, operation, error });
    return error;
  }
}
