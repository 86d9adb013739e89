/**
 * What the load runs against: a single server behind a proxy, a cluster, and a primary that sentinels watch. Each with
 * the faults it can have, how it is made whole at the end, and the servers that then hold the data.
 */
import { clusterFaults, networkFaults, sentinelFaults, serverFaults } from './faults.mjs';

export async function startSingle({ testing, version, random }) {
  const server = await testing.RedisServer.start({ version, port: true });
  const proxy = await testing.FaultProxy.start(server);
  return {
    name: 'single',
    url: proxy.url,
    losesWrites: false,
    faults: { ...networkFaults({ proxy, random }), ...serverFaults({ server, proxy, random }) },
    heal: async () => {
      proxy.heal();
      if (server.state === 'paused') server.resume();
    },
    primaries: async () => [server],
    stop: async () => {
      await proxy.stop();
      await server.stop();
    },
  };
}

export async function startCluster({ testing, version, random }) {
  const cluster = await testing.RedisServer.startCluster({ version });
  return {
    name: 'cluster',
    url: cluster.url,
    losesWrites: false,
    faults: clusterFaults({ cluster, random }),
    heal: () => cluster.waitUntilStable({ within: '40s' }),
    primaries: async () => {
      const roles = await Promise.all(cluster.nodes.map((node) => node.role()));
      return cluster.nodes.filter((_, index) => roles[index] === 'primary');
    },
    stop: () => cluster.stop(),
  };
}

export async function startSentinels({ testing, version, random }) {
  const group = await testing.RedisServer.startSentinel({ version });
  return {
    name: 'sentinel',
    url: group.url,
    // until the old primary has heard of its successor, it takes writes that are lost when it follows
    losesWrites: true,
    faults: sentinelFaults({ group, random }),
    heal: () => group.waitUntilStable({ within: '40s' }),
    primaries: async () => [await group.primary()],
    stop: () => group.stop(),
  };
}
