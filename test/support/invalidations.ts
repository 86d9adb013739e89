import type { RedisManager } from '../../src/client/index.js';
import type { Invalidations, InvalidationTarget } from '../../src/client/tracking/invalidation-feeds.js';

export interface Listener {
  /** In order: `armed`, `blind NAME`, the keys that were told, `all` for all of them. */
  readonly told: string[];
  readonly handle: Invalidations;
}

/** A sink that writes down what it is told. */
export function listen(manager: RedisManager, target: InvalidationTarget): Listener {
  const told: string[] = [];
  const sink = {
    onArmed: () => void told.push('armed'),
    onBlind: (cause: Error) => void told.push(`blind ${cause.name}`),
    onInvalidate: (keys: readonly string[] | undefined) => void told.push(...(keys ?? ['all'])),
  };
  return { told, handle: manager.invalidations(target, sink) };
}
