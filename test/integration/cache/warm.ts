import type { CacheManager } from '../../../src/cache/index.js';
import { eventually } from '../../support/eventually.js';

/** Reads until it comes from near, and gives what came last. */
export async function warm(cache: CacheManager, key: string): Promise<unknown> {
  let value: unknown;
  await eventually(async () => {
    const before = cache.stats().nearHits;
    value = await cache.get(key);
    return cache.stats().nearHits > before;
  });
  return value;
}
