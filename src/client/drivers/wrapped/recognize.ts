import { ConfigError, typeOf } from '../../../core/errors.js';

/**
 * Clients are known by what they have, since importing their classes would need their packages to be installed, and
 * the classes of two installed copies differ.
 */

/** A single client of `@redis/client` or `redis`, 5 or 6; not a cluster, a pool, a sentinel or the legacy interface. */
export function isNodeRedis(client: unknown): boolean {
  // of its kinds, only the single client can monitor
  const methods = ['sendCommand', 'duplicate', 'subscribe', 'pSubscribe', 'monitor', 'on', 'off'];
  return has(client, methods) && typeof client['isOpen'] === 'boolean' && typeof client['isReady'] === 'boolean';
}

/** A single client of ioredis 5 or 6 or of iovalkey, sentinels included; not a cluster and not a pipeline. */
export function isIoredis(client: unknown): boolean {
  if (!has(client, ['call', 'callBuffer', 'duplicate', 'disconnect', 'on', 'off'])) return false;
  return typeof client['status'] === 'string' && has(client['options'], []) && client['isCluster'] !== true;
}

export function notAClient(expected: string, client: unknown): ConfigError {
  const received = isCluster(client)
    ? 'a client for a cluster – use RedisManager.connect({ cluster })'
    : typeOf(client);
  return new ConfigError([{ option: 'client', expected, received }]);
}

function isCluster(client: unknown): boolean {
  return has(client, ['duplicate']) && (client['isCluster'] === true || Array.isArray(client['masters']));
}

function has(value: unknown, methods: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
