import { ConfigError, ServerError } from '../core/errors.js';

/** What to throw: where something else is in a lock's place, that is a mistake in the configuration. */
export function withoutWrongType(hash: string, error: unknown): unknown {
  if (!(error instanceof ServerError) || error.replyCode !== 'WRONGTYPE') return error;
  const issue = { option: hash, expected: 'the hash of a lock', received: 'a value of another type' };
  return new ConfigError([issue], { cause: error });
}

/** What a server says against a key names it. */
export async function namingItsKey<T>(hash: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw withoutWrongType(hash, error);
  }
}
