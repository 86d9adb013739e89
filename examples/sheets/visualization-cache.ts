import type { CacheManager, CacheStats } from 'redis-utils';

/** A drawn chart, as the sheets app shows it. */
export interface Visualization {
  readonly chart: 'bar' | 'line' | 'pie';
  readonly title: string;
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

export interface CacheEntry {
  readonly visualization: Visualization;
  /** When it was drawn. */
  readonly drawnAt: Date;
  /** How long it may be shown, in seconds. */
  readonly ttl: number;
}

export interface CacheStatistics extends CacheStats {
  /** The share of reads that found an entry, 0 to 1. */
  readonly hitRate: number;
}

/**
 * Charts that are expensive to draw, kept in Redis for every process of the app.
 *
 * A cache that fails is no reason for a page to fail: with Redis down, or an entry that cannot be read, `retrieve`
 * finds nothing, `store` keeps nothing, and `statistics().errors` counts. Who needs to know why listens to the
 * cache's `error` event.
 */
export class VisualizationCache {
  readonly #cache: CacheManager;

  constructor(cache: CacheManager) {
    this.#cache = cache.namespace('visualizations');
  }

  /** Keeps an entry for its own `ttl`. */
  async store(key: string, entry: CacheEntry): Promise<void> {
    await this.#cache.set(key, entry, `${entry.ttl}s`);
  }

  /** The entry, or undefined when there is none that may still be shown. */
  async retrieve(key: string): Promise<CacheEntry | undefined> {
    return this.#cache.get<CacheEntry>(key);
  }

  /** Forgets an entry before its time, as the cells behind it have changed. */
  async forget(key: string): Promise<void> {
    await this.#cache.delete(key);
  }

  /** Counts since this object was made. */
  statistics(): CacheStatistics {
    const stats = this.#cache.stats();
    const reads = stats.hits + stats.misses;
    return { ...stats, hitRate: reads === 0 ? 0 : stats.hits / reads };
  }
}
