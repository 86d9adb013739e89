/** Where a value lives. All of it is bound into encrypted values: elsewhere they do not open. */
export interface CodecContext {
  readonly domain: 'cache' | 'session' | 'pubsub' | 'value';
  /** The full Redis key, prefix included, or the channel. */
  readonly key: string;
  /** The field of a hash, if the value is in one. */
  readonly field?: string | undefined;
  /** Further facts that must be the same when the value is read, such as a deadline stored beside it. */
  readonly bound?: readonly string[] | undefined;
}
