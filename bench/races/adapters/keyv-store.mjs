/** Redis for the three packages that keep their values through keyv. */
import KeyvRedis, { createCluster } from '@keyv/redis';
import { Keyv } from 'keyv';

export function keyvStore({ url, nodes, name = 'races' }, options = {}) {
  const connection =
    nodes === undefined
      ? url
      : createCluster({ rootNodes: nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` })) });
  const store = new KeyvRedis(connection, { namespace: name });
  return new Keyv({ store, namespace: name, useKeyPrefix: false, ...options });
}
