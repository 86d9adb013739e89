import { bentocache, cacheable, cacheManager, keyv, lruCache } from './cache-packages.mjs';
import { ioredis } from './ioredis.mjs';
import { rateLimiterFlexible } from './limit-packages.mjs';
import { redisSemaphore, redlock } from './lock-packages.mjs';
import { nodeRedis } from './node-redis.mjs';
import { redisUtils, redisUtilsBare, redisUtilsEncrypted } from './redis-utils.mjs';
import { connectRedis } from './session-packages.mjs';

/**
 * A contender: `ours`, a `package` to compare with, or a `reference` (a bare client, which does less). For each feature
 * it has, a function from the address of the server to what the cases of that feature call, and `close`.
 */
export const contenders = [
  redisUtils,
  redisUtilsEncrypted,
  redisUtilsBare,
  keyv,
  bentocache,
  cacheable,
  cacheManager,
  lruCache,
  redlock,
  redisSemaphore,
  rateLimiterFlexible,
  connectRedis,
  nodeRedis,
  ioredis,
];
