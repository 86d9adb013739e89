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
  const batch = new LoadBatch<string>({ load, path: 'load', maxBatch: Number.POSITIVE_INFINITY });
  const values = await Promise.all(ids.map((key) => loadTogether(scope, batch, { id: key, key, options })));
  const found = new Map<string, unknown>();
  for (const [index, id] of ids.entries()) if (values[index] !== undefined) found.set(id, values[index]);
  return found;
}

/** One of those whose loads are made as one. */
export interface LoadingOne<K> {
  /** As the loader knows it. */
  readonly id: K;
  readonly key: string;
  readonly options: Duration | LoadOptions<unknown> | undefined;
}

/** A `getOrSet` whose load is made as one with those of the same batch. */
export async function loadTogether<K>(
  scope: Scope,
  batch: LoadBatch<K>,
  { id, key, options }: LoadingOne<K>,
): Promise<unknown> {
  const seat = batch.join();
  try {
    return await loadThrough(scope, {
      key,
      load: (context) => seat.load(id, context),
      options,
      onWaiting: () => seat.decided(),
    });
  } finally {
    seat.decided();
  }
}
