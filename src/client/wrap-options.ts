import type { RedisOptions } from './config/redis-options.js';

export const WRAP_OPTIONS = [
  'prefix',
  'codec',
  'commandTimeout',
  'connectTimeout',
  'maxInFlight',
  'offlineQueue',
  'pool',
  'retry',
] as const;

/**
 * What of `RedisOptions` concerns a client that is there already; addresses, credentials, TLS, reconnecting and
 * keep-alive are the client's own. `connectTimeout` is how long `wrap` waits for it, and a dedicated connection takes.
 */
export type WrapOptions = Pick<RedisOptions, (typeof WRAP_OPTIONS)[number]>;
