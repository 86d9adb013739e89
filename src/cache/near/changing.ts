import type { Near } from './near.js';

/**
 * Sends what changes keys, and sees to it that nothing older is served from near, or kept there, from the call on. What was
 * read between the sending and a change that took its time (a script that the server had to learn first) goes with it.
 */
export async function changing<T>(near: Near | undefined, keys: readonly string[], send: () => Promise<T>): Promise<T> {
  if (near === undefined) return send();
  for (const key of keys) near.forget(key);
  const sending = send();
  near.announce(keys);
  try {
    return await sending;
  } finally {
    for (const key of keys) near.forget(key);
    near.announce(keys);
  }
}
