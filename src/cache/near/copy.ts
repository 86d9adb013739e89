import type { EntryFormat } from '../entries/entry.js';
import type { EpochCell } from './epoch-cells.js';

/** A value that is kept near. */
export interface Copy {
  readonly key: string;
  /** Where its namespace finds it, by its id. */
  readonly index: Index;
  readonly id: string;
  /** On the monotonic clock: when it was last counted as used. */
  usedMs: number;
  /** Undefined where `bytes` are decoded for each caller, and where that there is none is what is kept. */
  readonly value: unknown;
  readonly bytes: Buffer | undefined;
  readonly loadMs: number;
  /** On the monotonic clock: from then on it is not fresh any more. */
  readonly freshUntilMs: number;
  /** On the monotonic clock: from then on it is not to be served from near. */
  readonly untilMs: number;
  readonly epochs: readonly EpochCell[];
}

/** The copies of one namespace, by what callers name them. */
export type Index = Map<string, Copy>;

/** Of what an index is: a namespace, as one format reads it. */
export interface Place {
  /** What the keys of the namespace begin with. */
  readonly root: string;
  readonly format: EntryFormat;
}
