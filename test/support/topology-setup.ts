import type { TestProject } from 'vitest/node';
import { RedisServer } from '../../src/testing/redis-server.js';
import { findServers } from '../../src/testing/server-binary.js';

declare module 'vitest' {
  interface ProvidedContext {
    topologyUrl: string;
  }
}

/**
 * One cluster (3 primaries, 3 replicas) or one primary with 2 replicas and 3 sentinels, of the first server there is,
 * for all files of a project whose target is `cluster` or `sentinel`.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const version = findServers()[0]?.id;
  const group =
    project.config.env['TEST_TARGET'] === 'cluster'
      ? await RedisServer.startCluster({ version })
      : // nothing fails here, and a busy machine is no reason for a failover
        await RedisServer.startSentinel({ version, downAfter: '30s' });
  project.provide('topologyUrl', group.url);
  return () => group.stop();
}
