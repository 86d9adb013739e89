import { Emitter, type Unsubscribe } from '../core/emitter.js';

/** A failure of the store that a call rode through: Redis, or an entry that could not be decoded. */
export interface CacheFailure {
  /** The method: `'get'`, `'set'`, `'getOrSet'`, … */
  readonly operation: string;
  /** The key as the caller named it; undefined when the call was about several. */
  readonly key: string | undefined;
  readonly error: Error;
}

export interface CacheEvents {
  /**
   * Under `onError: 'open'`; in both modes for what fails in the background (`refresh`: a loader that failed while a
   * stale value was served). Events of a namespace also reach the cache it belongs to.
   */
  readonly error: CacheFailure;
}

/** What happens to failures of the store, and who hears of them. */
export class Failures {
  readonly mode: 'open' | 'throw';
  readonly #events = new Emitter<CacheEvents>();
  readonly #parent: Failures | undefined;
  #count = 0;

  constructor(mode: 'open' | 'throw', parent: Failures | undefined) {
    this.mode = mode;
    this.#parent = parent;
  }

  get count(): number {
    return this.#count;
  }

  on<E extends keyof CacheEvents>(event: E, listener: (payload: CacheEvents[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  /** Throws the error under `'throw'`; else it becomes an event, and the caller goes on without the store. */
  meet(operation: string, key: string | undefined, error: unknown): void {
    this.#count += 1;
    if (this.mode === 'throw') throw error;
    this.#tell({ operation, key, error: error as Error });
  }

  /** An event in both modes: for what happens in the background, where nobody could catch it. */
  tell(operation: string, key: string | undefined, error: unknown): void {
    this.#count += 1;
    this.#tell({ operation, key, error: error as Error });
  }

  /** As `meet`, for several keys of one call: throws one error that sums them up. */
  meetAll(operation: string, failures: readonly { key: string; error: Error }[], summary: () => Error): void {
    this.#count += failures.length;
    if (this.mode === 'throw') throw summary();
    for (const { key, error } of failures) this.#tell({ operation, key, error });
  }

  #tell(failure: CacheFailure): void {
    this.#events.emit('error', failure);
    if (this.#parent !== undefined) this.#parent.#tell(failure);
  }
}
