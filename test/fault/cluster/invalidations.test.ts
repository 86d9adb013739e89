import { expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { keySlot } from '../../../src/core/key-slot.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { listen, type Listener } from '../../support/invalidations.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, otherPrimaries, startCluster, synchronise } from './start-cluster.js';

noLeaks();
const cluster = startCluster();

const KEYS = Array.from({ length: 60 }, (_, index) => `p:${index}`);

async function listening(): Promise<Listener & { others: RedisManager }> {
  const [mine, others] = [await connect(cluster().url), await connect(cluster().url)];
  const listener = listen(mine, { prefix: 'p:', maxStalenessMs: 1_000 });
  await eventually(() => listener.handle.isArmed);
  return { others, ...listener };
}

/** Every key is changed, and every change is heard. */
async function hearsAll({ told }: Listener, others: RedisManager): Promise<void> {
  const so = told.length;
  // the others may find a new primary later than the feed does
  await eventually(() => Promise.all(KEYS.map((key) => others.command(['SET', key, 'x']))));
  await eventually(() => new Set(told.slice(so)).size >= KEYS.length);
  expect(new Set(told.slice(so))).toEqual(new Set(KEYS));
}

test('a failover makes a feed blind until the successor tells, also where nobody reads', async () => {
  const { others, ...listener } = await listening();
  await hearsAll(listener, others);
  await cluster().failover(0);
  await eventually(() => listener.told.some((what) => what.startsWith('blind')), { within: 5_000 });
  await eventually(() => listener.handle.isArmed, { within: 10_000 });
  await cluster().waitUntilStable();
  await eventually(() => listener.handle.isArmed, { within: 10_000 });
  await hearsAll(listener, others);
});

test('a primary that is killed makes a feed blind at once, until its successor tells', async () => {
  const { others, ...listener } = await listening();
  await hearsAll(listener, others);
  const doomed = await cluster().nodeOf(0);
  await synchronise(cluster(), doomed);
  afterThisTest(async () => {
    await doomed.restart();
    await cluster().waitUntilStable();
  });
  await doomed.kill();
  await eventually(() => listener.told.some((what) => what.startsWith('blind')));
  await eventually(() => listener.handle.isArmed, { within: 20_000 });
  await hearsAll(listener, others);
});

test('a slot that moves takes the news of its keys along', async () => {
  const { others, ...listener } = await listening();
  await hearsAll(listener, others);
  const from = await cluster().nodeOf('p:1');
  const [to] = await otherPrimaries(cluster(), from);
  listener.told.length = 0;
  await cluster().moveSlot(keySlot('p:1'), to as ClusterNode);
  await eventually(() => listener.told.includes('p:1'));
  await hearsAll(listener, others);
});
