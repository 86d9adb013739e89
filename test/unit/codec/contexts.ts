import type { CodecContext } from '../../../src/codec/index.js';

/** Where the values of these tests live. */
export const PLACE: CodecContext = { domain: 'cache', key: 'ru:cache:{user:1}' };

/** The error that `fn` throws. */
export function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, got none');
}
