/**
 * redis-utils: connections, cache, locks, rate limits, typed pub/sub and sessions on Redis or Valkey.
 * Each part is also a sub-path of its own (`redis-utils/cache`, …) that loads nothing it does not need.
 */
export * from './cache/index.js';
export * from './client/index.js';
export * from './codec/index.js';
export * from './lock/index.js';
export * from './pubsub/index.js';
export * from './rate-limit/index.js';
export * from './session/index.js';
