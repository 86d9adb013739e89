// Calls `getOrSet` as often at once as it is told to, with a loader that counts its runs in Redis and takes its time.
import { CacheManager, RedisManager } from 'redis-utils';

const [url, prefix] = process.argv.slice(2);
const manager = await RedisManager.connect({ url, prefix });
const cache = new CacheManager(manager, '1m');
async function call({ key, callers, loadMs, options }) {
  const load = async () => {
    const loads = await manager.command(['INCR', `${prefix}:loads:${key}`]);
    process.send({ loading: process.pid });
    await new Promise((resolve) => setTimeout(resolve, loadMs));
    return { loads };
  };
  const startMs = performance.now();
  const values = await Promise.all(Array.from({ length: callers }, () => cache.getOrSet(key, load, options)));
  process.send({ values: [...new Set(values.map(({ loads }) => loads))], tookMs: performance.now() - startMs });
}

process.on('message', (message) => void call(message));
process.send('ready');
