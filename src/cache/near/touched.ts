/** Keys that are remembered one by one; beyond that, all count as touched. */
const MAX_KEYS = 4_096;

/**
 * Which keys have changed since when: whoever reads takes the sequence before the read is sent, and may keep a copy of
 * what it brings only if nothing was told of the key by the time when it arrives.
 */
export class Touched {
  readonly #keys = new Map<string, number>();
  #sequence = 0;
  /** All keys were touched then. */
  #floor = 0;

  get sequence(): number {
    return this.#sequence;
  }

  touch(key: string): void {
    this.#sequence += 1;
    if (this.#keys.size >= MAX_KEYS) this.touchAll();
    this.#keys.set(key, this.#sequence);
  }

  touchAll(): void {
    this.#sequence += 1;
    this.#keys.clear();
    this.#floor = this.#sequence;
  }

  isTouchedSince(key: string, sequence: number): boolean {
    return this.#floor > sequence || (this.#keys.get(key) ?? 0) > sequence;
  }
}
