/** Twice the largest batch at least, so that probing stays short. */
const PLACES = 512;
const FREE = -1;

/**
 * The distinct keys of one batch, in the order in which they were added. A `Map` would do the same; but it hashes
 * every key, keeps it, and grows with each batch anew, which takes several per cent of the time of a whole read.
 */
export class DistinctKeys {
  readonly #table = new Int16Array(PLACES);

  /** Forgets the batch before. */
  clear(): void {
    this.#table.fill(FREE);
  }

  /** Where the key is in `keys`, at whose end it is put if it is not there yet. At most `PLACES / 2` keys. */
  place(key: string, keys: string[]): number {
    for (let at = hash(key); ; at = (at + 1) & (PLACES - 1)) {
      const place = this.#table[at] as number;
      if (place === FREE) return (this.#table[at] = keys.push(key) - 1);
      if (keys[place] === key) return place;
    }
  }
}

/** Of the characters before the last, which is a brace: that is where keys of one kind differ. */
function hash(key: string): number {
  const last = key.length - 2;
  let sum = key.length;
  for (let back = 0; back < 6 && back <= last; back += 1) sum = sum * 31 + key.charCodeAt(last - back);
  return sum & (PLACES - 1);
}
