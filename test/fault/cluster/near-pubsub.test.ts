import { expect, test } from 'vitest';
import { CacheManager } from '../../../src/cache/index.js';
import { keySlot } from '../../../src/core/key-slot.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { uniquePrefix } from '../../support/target.js';
import { connect, PARTIAL, startCluster } from './start-cluster.js';

noLeaks();
const cluster = startCluster({ args: PARTIAL });

const MAX_STALENESS_MS = 1_000;
const KEYS = Array.from({ length: 60 }, (_, index) => `k${index}`);
const NEAR = { coherence: 'pubsub', maxStaleness: MAX_STALENESS_MS } as const;

/** The node at which somebody listens; the clients of earlier attempts are gone. */
async function listenedAt(): Promise<ClusterNode> {
  const found: ClusterNode[] = [];
  await eventually(async () => {
    found.length = 0;
    for (const node of cluster().nodes) {
      const clients = await node.command<string>(['CLIENT', 'LIST', 'TYPE', 'pubsub']);
      if (clients.trim() !== '') found.push(node);
    }
    return found.length === 1;
  });
  return found[0] as ClusterNode;
}

async function open() {
  const prefix = uniquePrefix();
  const [mine, others] = [await connect(cluster().url, { prefix }), await connect(cluster().url, { prefix })];
  const near = new CacheManager(mine, '5m', { near: NEAR });
  const other = new CacheManager(others, '5m', { near: NEAR, onError: 'throw' });
  await other.setMany(KEYS.map((key) => [key, 'old']));
  await eventually(async () => {
    await near.getMany(KEYS);
    return near.stats().near?.entries === KEYS.length;
  });
  const frozen = await listenedAt();
  const isElsewhere = async (key: string): Promise<boolean> => (await cluster().nodeOf(keySlot(key))) !== frozen;
  return { near, other, frozen, isElsewhere, root: `${prefix}:cache:` };
}

test('what nodes lose between them, because one of them stood still, is not believed to have been heard', async () => {
  let opened = await open();
  // the messages are to be published, and the epoch is to be kept, at nodes that go on
  const suits = async ({ isElsewhere: is, root: at }: typeof opened): Promise<boolean> =>
    (await is(`${at}changed`)) && (await is(`${at}epoch`));
  while (!(await suits(opened))) {
    await opened.near.close();
    await opened.near.manager.close();
    opened = await open();
  }
  const { near, other, frozen, isElsewhere, root } = opened;
  const keys: string[] = [];
  for (const key of KEYS) if (await isElsewhere(`${root}{${key}}`)) keys.push(key);
  expect(keys.length).toBeGreaterThan(10);
  frozen.pause();
  // until the others have given up their links to it
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await Promise.all(keys.map((key) => other.set(key, 'new')));
  const writtenMs = performance.now();
  frozen.resume();
  while (performance.now() - writtenMs < 6_000) {
    const sentMs = performance.now();
    const found = await near.getMany(keys);
    if (sentMs - writtenMs > MAX_STALENESS_MS)
      expect([...found.values()].filter((value) => value === 'old')).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await eventually(
    async () => {
      const before = near.stats().nearHits;
      expect(await near.get(String(keys[0]))).toBe('new');
      return near.stats().nearHits > before;
    },
    { within: '10s' },
  );
  await cluster().waitUntilStable();
}, 60_000);
