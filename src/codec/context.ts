import { wrong } from '../core/check.js';

/** Where a value lives. All of it is bound into encrypted values: elsewhere they do not open. */
export interface CodecContext {
  /** What kind of value it is. Default `'value'`; the others are the modules' own. */
  readonly domain?: 'cache' | 'session' | 'pubsub' | 'value' | undefined;
  /** The full Redis key, prefix included, or the channel. */
  readonly key: string;
  /** The field of a hash, if the value is in one. */
  readonly field?: string | undefined;
  /** Further facts that must be the same when the value is read, such as a deadline stored beside it. */
  readonly bound?: readonly string[] | undefined;
}

/** A place without a key would let an encrypted value open anywhere. @throws ConfigError */
export function checkContext(context: CodecContext): void {
  const key: unknown = (context as CodecContext | undefined)?.key;
  if (typeof key !== 'string') throw wrong('context.key', 'the Redis key or the channel of the value', key);
}
