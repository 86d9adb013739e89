import { checkFunction, wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import { LoadBatch } from './load-batch.js';
import { loadThrough } from './load-through.js';
import type { LoadOptions, ManyLoader } from '../options.js';
import type { Scope } from '../scope.js';

/** The arguments of `getOrSetMany`. */
export interface LoadingMany {
  readonly keys: readonly string[];
  readonly load: ManyLoader<unknown>;
  readonly options: Duration | LoadOptions<unknown> | undefined;
}

/**
 * A `getOrSet` for each key, of which the loads are made as one: the reads of all keys travel together, and so do the
 * questions who loads.
 */
export async function loadMany(scope: Scope, { keys, load, options }: LoadingMany): Promise<Map<string, unknown>> {
  if (!Array.isArray(keys)) throw wrong('keys', 'an array of keys', keys);
  checkFunction('load', load);
  const ids = [...new Set(keys)];
  const batch = new LoadBatch(load, ids);
  const loads = ids.map(async (key) => {
    try {
      return await loadThrough(scope, {
        key,
        load: (context) => batch.load(key, context),
        options,
        onWaiting: () => batch.decided(key),
      });
    } finally {
      batch.decided(key);
    }
  });
  const values = await Promise.all(loads);
  const found = new Map<string, unknown>();
  for (const [index, id] of ids.entries()) if (values[index] !== undefined) found.set(id, values[index]);
  return found;
}
