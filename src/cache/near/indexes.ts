import type { EntryFormat } from '../entries/entry.js';
import type { Index, Place } from './copy.js';

/**
 * The indexes that hold copies, one for each namespace and format: those who make the same namespace twice find the same
 * copies. One that is empty is forgotten, so that namespaces which come and go leave nothing behind.
 */
export class Indexes {
  readonly #byFormat = new Map<EntryFormat, Map<string, Index>>();
  readonly #places = new Map<Index, Place>();

  of({ root, format }: Place): Index | undefined {
    return this.#byFormat.get(format)?.get(root);
  }

  /** Where a view is to keep a copy. */
  enter(view: Place & { index: Index }): Index {
    const known = this.of(view);
    if (known !== undefined) return (view.index = known);
    const { root, format, index } = view;
    let ofFormat = this.#byFormat.get(format);
    if (ofFormat === undefined) this.#byFormat.set(format, (ofFormat = new Map()));
    ofFormat.set(root, index);
    this.#places.set(index, { root, format });
    return index;
  }

  /** An index that is empty. */
  leave(index: Index): void {
    const place = this.#places.get(index);
    if (place === undefined) return;
    this.#places.delete(index);
    const ofFormat = this.#byFormat.get(place.format);
    ofFormat?.delete(place.root);
    if (ofFormat?.size === 0) this.#byFormat.delete(place.format);
  }
}
