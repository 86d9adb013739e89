/**
 * An abort signal for all commands that a client has been given and has not written. An `AbortSignal` would do, but it
 * compares each new listener with all there are, which costs most of the throughput where many commands are on their
 * way.
 */
export class Unsent {
  readonly #listeners = new Set<() => void>();
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  addEventListener(_event: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_event: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Drops them: each listener is called once. */
  abort(): void {
    this.#aborted = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
