import type { Events } from './events.js';

/** What happens to failures of the store, and who hears of them. */
export class Failures {
  readonly mode: 'open' | 'throw';
  readonly #events: Events;
  #count = 0;

  constructor(mode: 'open' | 'throw', events: Events) {
    this.mode = mode;
    this.#events = events;
  }

  get count(): number {
    return this.#count;
  }

  /** Throws the error under `'throw'`; else it becomes an event, and the caller goes on without the store. */
  meet(operation: string, key: string | undefined, error: unknown): void {
    this.#count += 1;
    if (this.mode === 'throw') throw error;
    this.#events.emit('error', { operation, key, error: error as Error });
  }

  /** An event in both modes: for what happens in the background, where nobody could catch it. */
  tell(operation: string, key: string | undefined, error: unknown): void {
    this.#count += 1;
    this.#events.emit('error', { operation, key, error: error as Error });
  }

  /** As `meet`, for several keys of one call: throws one error that sums them up. */
  meetAll(operation: string, failures: readonly { key: string; error: Error }[], summary: () => Error): void {
    this.#count += failures.length;
    if (this.mode === 'throw') throw summary();
    for (const { key, error } of failures) this.#events.emit('error', { operation, key, error });
  }
}
