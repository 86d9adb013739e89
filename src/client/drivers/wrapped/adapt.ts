import { type ClientAdapter, isAdapter } from './adapter.js';
import type { IoredisClient } from './ioredis.js';
import type { NodeRedisClient } from './node-redis.js';
import { isIoredis, isNodeRedis, notAClient } from './recognize.js';

/** What `RedisManager.wrap` takes: a client, or what `nodeRedis()` or `ioredis()` has made of one. */
export type WrappableClient = NodeRedisClient | IoredisClient | ClientAdapter;

/** The adapter of a client; the file of its family is loaded only when it is met. @throws ConfigError for anything else */
export async function adapt(client: unknown): Promise<ClientAdapter> {
  if (isAdapter(client)) return client;
  if (isNodeRedis(client)) return (await import('./node-redis.js')).nodeRedis(client as NodeRedisClient);
  if (isIoredis(client)) return (await import('./ioredis.js')).ioredis(client as IoredisClient);
  throw notAClient('a single client of @redis/client, redis, ioredis or iovalkey', client);
}
