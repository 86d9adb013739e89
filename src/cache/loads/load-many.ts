import { checkFunction, wrong } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import { LoadBatch } from './load-batch.js';
import { type Loading, loadThrough } from './load-through.js';
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
  const batch = new LoadBatch(load, Number.POSITIVE_INFINITY);
  const loads = ids.map((key) => loadInBatch(scope, batch, { id: key, key, options }));
  const values = await Promise.all(loads);
  const found = new Map<string, unknown>();
  for (const [index, id] of ids.entries()) if (values[index] !== undefined) found.set(id, values[index]);
  return found;
}

/** One call of a batch: what the loader of the batch calls it, and what the cache does. */
export interface BatchedLoading<K> extends Pick<Loading, 'key' | 'options'> {
  readonly id: K;
}

/** A `getOrSet` whose load, if there is to be one, is made with the others of its batch. */
export async function loadInBatch<K>(scope: Scope, batch: LoadBatch<K>, loading: BatchedLoading<K>): Promise<unknown> {
  const { id, key, options } = loading;
  const ticket = batch.enter();
  try {
    return await loadThrough(scope, {
      key,
      load: (context) => batch.load(ticket, id, context),
      options,
      onWaiting: () => batch.decided(ticket),
    });
  } finally {
    batch.decided(ticket);
  }
}
