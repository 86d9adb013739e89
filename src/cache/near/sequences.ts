/** Who is remembered; somebody beyond that is new when he speaks again, which is on the safe side. */
const MAX_SPEAKERS = 10_000;

/** The numbers of what each process has said: where one is left out, something was not heard. */
export class Sequences {
  readonly #last = new Map<string, number>();

  /** Takes note of a word, and tells whether one before it was missed, or may have been. */
  isAfterGap(by: string, n: number): boolean {
    const last = this.#last.get(by) ?? 0;
    // said once more, or late
    if (n <= last) return false;
    this.#last.delete(by);
    this.#last.set(by, n);
    if (this.#last.size > MAX_SPEAKERS) this.#forgetOldest();
    return n !== last + 1;
  }

  #forgetOldest(): void {
    for (const by of this.#last.keys()) {
      this.#last.delete(by);
      return;
    }
  }
}
