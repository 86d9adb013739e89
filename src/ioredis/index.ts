/** Clients of ioredis and iovalkey for `RedisManager.wrap`, told apart by the caller instead of by looking. */
export type { ClientAdapter } from '../client/drivers/wrapped/adapter.js';
export { ioredis, type IoredisClient } from '../client/drivers/wrapped/ioredis.js';
