import type { EntryStore } from '../entries/entry-store.js';
import { freshUntilOf, slidingMsOf } from '../entries/entry-header.js';
import type { Read } from './read.js';

/** An entry is given its lifetime anew when less than this share of it is left: not with each of many reads. */
const LEFT = 0.9;

/** Prolongs entries that a read prolongs, in the background. */
export class Sliding {
  readonly #store: EntryStore;
  readonly #under = new Set<string>();

  constructor(store: EntryStore) {
    this.#store = store;
  }

  /** To be called for an entry that a read has found fresh. @param nowMs not behind the server's time */
  found({ key, id, operation, by }: Read, entry: Buffer, nowMs: number): void {
    const slidingMs = slidingMsOf(entry);
    if (slidingMs === 0 || freshUntilOf(entry) - nowMs > slidingMs * LEFT || this.#under.has(key)) return;
    this.#under.add(key);
    this.#store
      .slide(key)
      .catch((error: unknown) => by.failures.tell(operation, id, error))
      .finally(() => this.#under.delete(key));
  }
}
