import { identify, RedisUtilsError } from '../core/errors.js';

/**
 * The key of a limit holds something that this library did not write: another type, or text that is no bucket. It
 * was left as it is. Remove the key or choose another prefix.
 */
export class LimitStateError extends RedisUtilsError {
  declare readonly code: 'RU_LIMIT_STATE';
  /** The full Redis key. */
  readonly key: string;

  static {
    identify(this, 'LimitStateError', 'RU_LIMIT_STATE');
  }

  constructor(key: string) {
    super(`Expected \`${key}\` to hold the state of a rate limit, found something else – it was not changed`);
    this.key = key;
  }
}
