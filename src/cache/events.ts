import { Emitter, type Unsubscribe } from '../core/emitter.js';

/** A failure of the store that a call rode through: Redis, or an entry that could not be decoded. */
export interface CacheFailure {
  /** The method: `'get'`, `'set'`, `'getOrSet'`, … */
  readonly operation: string;
  /** The key as the caller named it; undefined when the call was about several. */
  readonly key: string | undefined;
  readonly error: Error;
}

/** What a cache tells. Events of a namespace also reach the cache it belongs to. */
export interface CacheEvents {
  /**
   * Under `onError: 'open'`; in both modes for what fails in the background (`refresh`: a loader that failed while a
   * stale value was served).
   */
  readonly error: CacheFailure;
  /** A stale value was served. */
  readonly stale: { readonly key: string };
  /** A loaded value was not stored: the key was written, removed, marked stale, cleared or invalidated meanwhile. */
  readonly fenced: { readonly key: string };
  /** Nothing is served from near: changes are not told. Only of the cache itself, not of its namespaces. */
  readonly blind: { readonly cause: Error };
  /** Values are kept near, for the first time or again. */
  readonly armed: { readonly blindMs: number };
}

/** Who listens to a cache or a namespace. */
export class Events {
  readonly #emitter = new Emitter<CacheEvents>();
  readonly #parent: Events | undefined;

  constructor(parent: Events | undefined) {
    this.#parent = parent;
  }

  on<E extends keyof CacheEvents>(event: E, listener: (payload: CacheEvents[E]) => void): Unsubscribe {
    return this.#emitter.on(event, listener);
  }

  emit<E extends keyof CacheEvents>(event: E, payload: CacheEvents[E]): void {
    this.#emitter.emit(event, payload);
    this.#parent?.emit(event, payload);
  }
}
