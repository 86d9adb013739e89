import { afterAll, beforeAll } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import type { RedisOptions } from '../../../src/client/config/redis-options.js';
import { keySlot } from '../../../src/core/key-slot.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import type { RedisCluster, RedisClusterOptions } from '../../../src/testing/redis-cluster.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';

/** Slots go on being served while others are not. */
export const PARTIAL = ['--cluster-require-full-coverage', 'no'];

/** One cluster for all tests of a file; call it once, at the top. Gives the cluster once it has started. */
export function startCluster(options: RedisClusterOptions = {}): () => RedisCluster {
  let cluster: RedisCluster | undefined;
  beforeAll(async () => {
    cluster = await RedisServer.startCluster({ ...options, stoppedBy: 'caller' });
  }, 30_000);
  afterAll(() => cluster?.stop());
  return () => {
    if (cluster === undefined) throw new Error('The cluster has not started');
    return cluster;
  };
}

/** A manager that is closed when the test has finished. */
export async function connect(url: string, options: RedisOptions = {}): Promise<RedisManager> {
  const manager = await RedisManager.connect({ url, ...options });
  afterThisTest(async () => void (await manager.close({ drain: 500 })));
  return manager;
}

/** Primaries other than the given one. */
export async function otherPrimaries(cluster: RedisCluster, than: ClusterNode): Promise<readonly ClusterNode[]> {
  const others: ClusterNode[] = [];
  for (const node of cluster.nodes) {
    if (node !== than && node.state === 'running' && (await node.role()) === 'primary') others.push(node);
  }
  return others;
}

/** Keys that the node serves. */
export async function keysOf(cluster: RedisCluster, node: ClusterNode, count: number): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let index = 0; keys.length < count; index += 1) {
    if ((await cluster.nodeOf(keySlot(`k${index}`))) === node) keys.push(`k${index}`);
  }
  return keys;
}

/** How often the node has refused something with this word. */
export async function refusals(node: ClusterNode, word: string): Promise<number> {
  const info = await node.command<string>(['INFO', 'errorstats']);
  return Number(new RegExp(`errorstat_${word}:count=(\\d+)`).exec(info)?.[1] ?? 0);
}

/** How often the node has run a command, named as in `INFO commandstats`. */
export async function calls(node: ClusterNode, command: string): Promise<number> {
  const info = await node.command<string>(['INFO', 'commandstats']);
  const name = command.replace('|', '\\|');
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
}

/** Waits until all writes so far have reached the replica of a primary. */
export async function synchronise(cluster: RedisCluster, primary: ClusterNode): Promise<void> {
  const [replica] = await cluster.replicasOf(primary);
  const offset = await replicationOffset(primary, 'master_repl_offset');
  await eventually(async () => (await replicationOffset(replica as ClusterNode, 'slave_repl_offset')) >= offset);
}

async function replicationOffset(node: ClusterNode, name: string): Promise<number> {
  const info = await node.command<string>(['INFO', 'replication']);
  return Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
}
