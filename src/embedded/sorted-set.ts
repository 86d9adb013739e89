export interface Scored {
  readonly member: string;
  readonly score: number;
}

/** Members ordered by score, then by bytes. A change costs a binary search and one block move. */
export class SortedSet {
  readonly #scores = new Map<string, number>();
  readonly #ordered: Scored[] = [];

  get size(): number {
    return this.#scores.size;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  set(member: string, score: number): void {
    const previous = this.#scores.get(member);
    if (previous === score) return;
    if (previous !== undefined) this.#ordered.splice(this.#place({ member, score: previous }), 1);
    this.#scores.set(member, score);
    this.#ordered.splice(this.#place({ member, score }), 0, { member, score });
  }

  delete(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#ordered.splice(this.#place({ member, score }), 1);
    this.#scores.delete(member);
    return true;
  }

  rank(member: string): number | undefined {
    const score = this.#scores.get(member);
    return score === undefined ? undefined : this.#place({ member, score });
  }

  /** How many members have a lower score; with `inclusive`, an equal one counts too. */
  countBelow(score: number, inclusive: boolean): number {
    return this.#search((item) => (inclusive ? item.score <= score : item.score < score));
  }

  /** The members from one rank to before another. */
  slice(start: number, end: number): Scored[] {
    return this.#ordered.slice(Math.max(start, 0), Math.max(end, 0));
  }

  /** Removes the members from one rank to before another, and gives them. */
  remove(start: number, end: number): Scored[] {
    const removed = this.#ordered.splice(Math.max(start, 0), Math.max(end - Math.max(start, 0), 0));
    for (const { member } of removed) this.#scores.delete(member);
    return removed;
  }

  #place(item: Scored): number {
    return this.#search(
      (other) => other.score < item.score || (other.score === item.score && other.member < item.member),
    );
  }

  /** The first place whose item is not before what is sought. */
  #search(isBefore: (item: Scored) => boolean): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#ordered[middle] as Scored)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
