/** What a copy hears of changes by. */
export interface Feed {
  /** On the monotonic clock: all that was changed before has been told; `-Infinity` while it is blind. */
  readonly coherentAsOfMs: number;
  close(): void;
}

/** Who tells others of changes. */
export interface Announcer {
  announce(keys: readonly string[]): void;
  close(): void;
}
