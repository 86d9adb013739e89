import { ConfigError, ServerError } from '../core/errors.js';

/** What to throw: where something else is in a lock's place, that is a mistake in the configuration. */
export function withoutWrongType(hash: string, error: unknown): unknown {
  if (!(error instanceof ServerError) || error.replyCode !== 'WRONGTYPE') return error;
  const issue = { option: hash, expected: 'the hash of a lock', received: 'a value of another type' };
  return new ConfigError([issue], { cause: error });
}
