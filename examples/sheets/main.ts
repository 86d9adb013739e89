import { CacheManager, RedisConfig, RedisManager } from 'redis-utils';
import { type CacheEntry, type Visualization, VisualizationCache } from './visualization-cache.js';

/** Stands for the part that makes a cache worth having. */
function draw(title: string): Visualization {
  return { chart: 'bar', title, labels: ['Q1', 'Q2', 'Q3', 'Q4'], values: [120, 180, 150, 240] };
}

async function show(cache: VisualizationCache, key: string): Promise<void> {
  const found = await cache.retrieve(key);
  if (found !== undefined) {
    console.log(`${key}: from the cache, drawn at ${found.drawnAt.toISOString()}`);
    return;
  }
  const entry: CacheEntry = { visualization: draw('Sales 2026'), drawnAt: new Date(), ttl: 60 };
  await cache.store(key, entry);
  console.log(`${key}: drawn and stored for ${entry.ttl} s`);
}

const config = RedisConfig.fromEnv({ env: { REDIS_URL: 'memory://sheets', ...process.env } });
await using redis = await RedisManager.connect(config);
console.log(`Connected to ${redis.endpoint}`);

const caches = new CacheManager(redis, '5m');
caches.on('error', ({ operation, error }) => console.error(`The cache could not ${operation}: ${error.message}`));
const cache = new VisualizationCache(caches);

const key = 'sheet:42:A1:D9:bar';
await cache.forget(key);
await show(cache, key);
await show(cache, key);
await show(cache, key);
await cache.forget(key);
await show(cache, key);

const { hits, misses, hitRate, errors } = cache.statistics();
console.log(`${hits} hits, ${misses} misses (${Math.round(hitRate * 100)} % hits), ${errors} errors`);
