/**
 * Where the engine is known to answer otherwise than a server. Each entry says why, and turns both answers into what
 * is compared. Aim: empty.
 */
export interface KnownDifference {
  readonly what: string;
  readonly why: string;
  /** Applied to every string and number of both replies. */
  readonly level: (value: string | number) => string | number;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    what: 'the sign with which a NaN is printed',
    why: 'JavaScript has one NaN; Lua prints the sign bit that the processor happened to set',
    level: (value) => (typeof value === 'string' ? value.replaceAll('-nan', 'nan').replaceAll('-NAN', 'NAN') : value),
  },
];
