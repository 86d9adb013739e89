import { ignore } from '../core/abort.js';

/** Lets each value of one name be used in the order of the calls, although values may come late. */
export class Turns {
  /** Per name, resolves when everybody who came so far has had their turn. Empty as long as nothing comes late. */
  readonly #tails = new Map<string, Promise<void>>();

  /** True while somebody waits for a turn; whoever comes now has to wait behind. */
  busy(name: string): boolean {
    return this.#tails.size > 0 && this.#tails.has(name);
  }

  /**
   * Calls `use` with the value, once it is there and all earlier turns of the name are over. A value that rejects
   * gives up its turn. The turn is over when `use` returns, not when its promise settles.
   */
  async take<V, R>(name: string, value: V | Promise<V>, use: (value: V) => Promise<R>): Promise<R> {
    const before = this.#tails.get(name);
    let end: () => void = ignore;
    const tail = new Promise<void>((resolve) => (end = resolve));
    this.#tails.set(name, tail);
    let result: Promise<R>;
    try {
      const [ready] = await Promise.allSettled([value, before]);
      if (ready.status === 'rejected') throw ready.reason;
      result = use(ready.value);
    } finally {
      end();
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
    return result;
  }
}
