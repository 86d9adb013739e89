/** An epoch, as long as it lasts. */
export interface EpochCell {
  readonly key: string;
  isOver: boolean;
  /** How many copies were made in it. */
  copies: number;
}

/** The epochs in which copies were made: when one ends, all copies of it count no more, without a list of them. */
export class EpochCells {
  readonly #cells = new Map<string, EpochCell>();

  /** The present epochs, for one more copy. */
  take(keys: readonly string[]): readonly EpochCell[] {
    return keys.map((key) => {
      let cell = this.#cells.get(key);
      if (cell === undefined) this.#cells.set(key, (cell = { key, isOver: false, copies: 0 }));
      cell.copies += 1;
      return cell;
    });
  }

  /** A copy is gone. */
  giveBack(cells: readonly EpochCell[]): void {
    for (const cell of cells) {
      cell.copies -= 1;
      if (cell.copies === 0 && this.#cells.get(cell.key) === cell) this.#cells.delete(cell.key);
    }
  }

  end(key: string): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) return;
    cell.isOver = true;
    this.#cells.delete(key);
  }

  endAll(): void {
    for (const key of [...this.#cells.keys()]) this.end(key);
  }
}
