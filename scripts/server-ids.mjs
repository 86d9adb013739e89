// @ts-check
/** The real servers that the suite is meant to pass on, oldest first; scripts/servers.sh knows where they come from. */
export const SERVER_IDS = /** @type {const} */ ([
  'redis-7.0',
  'valkey-8.0',
  'redis-8.0',
  'valkey-8.1',
  'redis-sid',
  'valkey-sid',
]);
