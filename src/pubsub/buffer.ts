/** Messages that wait to be read. Bounded by whoever fills it. */
export interface Buffering<E> {
  readonly size: number;
  /** Removes and returns the oldest. */
  take(): E | undefined;
  clear(): void;
}

const COMPACT_FROM = 64;

/** First in, first out, in constant time. */
export class Fifo<E> implements Buffering<E> {
  #items: (E | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  add(item: E): void {
    this.#items.push(item);
  }

  take(): E | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= COMPACT_FROM && this.#head * 2 >= this.#items.length) {
      // moves at most as many items as were taken since the last time
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}

/** One item per key: a newer one takes the place of the one that waits, and keeps its turn. */
export class Conflated<E> implements Buffering<E> {
  readonly #items = new Map<string, E>();

  get size(): number {
    return this.#items.size;
  }

  /** True when it took the place of an older one. */
  put(key: string, item: E): boolean {
    const replaced = this.#items.has(key);
    this.#items.set(key, item);
    return replaced;
  }

  take(): E | undefined {
    for (const [key, item] of this.#items) {
      this.#items.delete(key);
      return item;
    }
    return undefined;
  }

  clear(): void {
    this.#items.clear();
  }
}
