/** Clients of `@redis/client` and `redis` for `RedisManager.wrap`, told apart by the caller instead of by looking. */
export type { ClientAdapter } from '../client/drivers/wrapped/adapter.js';
export { nodeRedis, type NodeRedisClient } from '../client/drivers/wrapped/node-redis.js';
