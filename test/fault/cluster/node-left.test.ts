import { expect, test } from 'vitest';
import { PubSubManager } from '../../../src/pubsub/index.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, otherPrimaries, startCluster } from './start-cluster.js';

noLeaks();
const cluster = startCluster();

const NAME = 'deaf-subscriber';

async function hasSubscriber(node: ClusterNode): Promise<boolean> {
  return (await node.command<string>(['CLIENT', 'LIST', 'TYPE', 'pubsub'])).includes(` name=${NAME} `);
}

test('a subscriber does not stay with a node that has left the cluster and still answers', async () => {
  const manager = await connect(cluster().url, { clientName: NAME });
  const pubsub = new PubSubManager(manager);
  const subscription = await pubsub.subscribe<string>('news');
  const gaps: unknown[] = [];
  subscription.onGap((gap) => gaps.push(gap));
  const have = await Promise.all(cluster().nodes.map(hasSubscriber));
  const leaving = cluster().nodes[have.indexOf(true)] as ClusterNode;
  await cluster().failover(leaving);
  expect(gaps).toEqual([]);
  // a replica by now: it goes in peace, and keeps its connections
  await leaving.command(['CLUSTER', 'RESET', 'SOFT']);
  for (const node of cluster().nodes) {
    if (node !== leaving) await node.command(['CLUSTER', 'FORGET', leaving.id]).catch(() => {});
  }
  expect(await hasSubscriber(leaving)).toBe(true);
  // what is noticed anywhere is an occasion to look
  const [other] = await otherPrimaries(cluster(), leaving);
  await other?.command(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
  await eventually(() => gaps.length === 1, { within: '10s' });
  expect(await hasSubscriber(leaving)).toBe(false);
  const reading = subscription[Symbol.asyncIterator]().next();
  await eventually(() => pubsub.publish('news', 'heard'));
  expect((await reading).value).toMatchObject({ data: 'heard' });
}, 40_000);
