/** Who keeps copies of what is in Redis. */
export interface FeedSink {
  /** From now on changes are told: what is read from here on may be kept. */
  onArmed(): void;
  /** Changes are not told any more, or not all of them: nothing that is kept counts, and nothing may be kept. */
  onBlind(cause: Error): void;
  /** These keys have changed; undefined stands for all keys. */
  onInvalidate(keys: readonly string[] | undefined): void;
}

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
