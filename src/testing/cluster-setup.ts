import type { ClusterNode } from './cluster-node.js';
import { eventually } from './eventually.js';
import { SLOTS } from '../core/key-slot.js';

/**
 * Makes one cluster of nodes that know nobody. Every node is introduced to every other at once, which saves the second
 * or more that gossip takes to do it. `nodes` holds the primaries first, then the replicas in turns.
 */
export async function joinNodes(nodes: readonly ClusterNode[], primaries: number): Promise<void> {
  const heads = nodes.slice(0, primaries);
  await Promise.all(heads.map((node, index) => takeSlots(node, index, primaries)));
  await Promise.all(nodes.map((node, index) => meet(node, nodes.slice(index + 1))));
  const replicas = nodes.slice(primaries);
  await Promise.all(replicas.map((node, index) => follow(node, heads[index % primaries] as ClusterNode)));
}

async function takeSlots(node: ClusterNode, index: number, primaries: number): Promise<void> {
  const first = Math.floor((SLOTS * index) / primaries);
  const last = Math.floor((SLOTS * (index + 1)) / primaries) - 1;
  await node.command(['CLUSTER', 'ADDSLOTSRANGE', first, last]);
  // of two nodes with one epoch, one would have to change it later
  await node.command(['CLUSTER', 'SET-CONFIG-EPOCH', index + 1]);
}

async function meet(node: ClusterNode, others: readonly ClusterNode[]): Promise<void> {
  for (const other of others) await node.command(['CLUSTER', 'MEET', '127.0.0.1', other.port, other.busPort]);
}

async function follow(node: ClusterNode, primary: ClusterNode): Promise<void> {
  // refused until the node has heard of the primary and its slots
  await eventually(() => node.command(['CLUSTER', 'REPLICATE', primary.id]), { within: '10s' });
}
