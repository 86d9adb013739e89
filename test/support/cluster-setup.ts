import type { TestProject } from 'vitest/node';
import { RedisServer } from '../../src/testing/redis-server.js';
import { findServers } from '../../src/testing/server-binary.js';

declare module 'vitest' {
  interface ProvidedContext {
    clusterUrl: string;
  }
}

/** One cluster for all files of a project whose target is `cluster`: 3 primaries, 3 replicas, of the first server there is. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const [first] = findServers();
  const cluster = await RedisServer.startCluster({ version: first?.id });
  project.provide('clusterUrl', cluster.url);
  return () => cluster.stop();
}
