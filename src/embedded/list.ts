const COMPACT_AT = 64;

/** A list of strings that is fast at both ends: an array with free room in front. */
export class List {
  #items: string[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The item at a place that may count from the end. */
  at(index: number): string | undefined {
    const place = index < 0 ? this.#items.length + index : this.#head + index;
    return place >= this.#head ? this.#items[place] : undefined;
  }

  /** False when there is no such place. */
  replace(index: number, item: string): boolean {
    const place = index < 0 ? this.#items.length + index : this.#head + index;
    if (place < this.#head || place >= this.#items.length) return false;
    this.#items[place] = item;
    return true;
  }

  push(item: string): void {
    this.#items.push(item);
  }

  unshift(item: string): void {
    if (this.#head === 0) {
      const room = Math.max(16, this.#items.length);
      this.#items = [...new Array<string>(room).fill(''), ...this.#items];
      this.#head = room;
    }
    this.#head -= 1;
    this.#items[this.#head] = item;
  }

  pop(): string | undefined {
    return this.length === 0 ? undefined : this.#items.pop();
  }

  shift(): string | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = '';
    this.#head += 1;
    if (this.#head >= COMPACT_AT && this.#head * 2 > this.#items.length) this.assign(this.toArray());
    return item;
  }

  toArray(): string[] {
    return this.#items.slice(this.#head);
  }

  /** The items from `start` to before `end`, which count from the front. */
  slice(start: number, end: number): string[] {
    return this.#items.slice(this.#head + start, this.#head + Math.max(end, 0));
  }

  assign(items: string[]): void {
    this.#items = items;
    this.#head = 0;
  }
}
