import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterNode } from '../../src/testing/cluster-node.js';
import { keySlot } from '../../src/core/key-slot.js';
import type { RedisCluster } from '../../src/testing/redis-cluster.js';
import { RedisServer } from '../support/redis-server.js';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await RedisServer.startCluster({ stoppedBy: 'caller' });
});
afterAll(() => cluster.stop());

async function roles(): Promise<string[]> {
  return (await Promise.all(cluster.nodes.map((node) => node.role()))).sort();
}

/** A primary that does not own the key. */
async function elsewhere(key: string): Promise<ClusterNode> {
  const owner = await cluster.nodeOf(key);
  for (const node of cluster.nodes) if (node !== owner && (await node.role()) === 'primary') return node;
  throw new Error('There is one primary only');
}

describe('a cluster', () => {
  test('has three primaries with a replica each, and serves all slots', async () => {
    expect(await roles()).toEqual(['primary', 'primary', 'primary', 'replica', 'replica', 'replica']);
    for (const node of cluster.nodes) {
      expect(await node.command(['CLUSTER', 'INFO'])).toMatch(/cluster_state:ok[^]*cluster_slots_ok:16384/);
    }
    const owner = await cluster.nodeOf('k');
    expect(await cluster.replicasOf(owner)).toHaveLength(1);
    expect(await owner.command(['SET', 'k', 'v'])).toBe('OK');
  });

  test('is named by a URL of all nodes, or of some', () => {
    expect(cluster.url).toMatch(/^redis-cluster:\/\/(127\.0\.0\.1:\d+,){5}127\.0\.0\.1:\d+$/);
    const [first] = cluster.nodes as [ClusterNode];
    expect(cluster.urlOf(first)).toBe(`redis-cluster://127.0.0.1:${first.port}`);
  });

  test('answers MOVED with the address that nodeOf names', async () => {
    const [owner, other] = [await cluster.nodeOf('k'), await elsewhere('k')];
    const moved = `MOVED ${keySlot('k')} 127.0.0.1:${owner.port}`;
    await expect(other.command(['GET', 'k'])).rejects.toThrow(moved);
  });
});

describe('a slot move', () => {
  const [a, b] = ['{moving}a', '{moving}b'];
  const slot = keySlot('moving');

  test('that stops in the middle answers ASK and TRYAGAIN, and can be finished', async () => {
    const [from, to] = [await cluster.nodeOf(slot), await elsewhere(a)];
    await from.command(['MSET', a, '1', b, '2']);
    const move = await cluster.beginSlotMove(slot, to);
    expect(await from.command(['MGET', a, b])).toEqual(['1', '2']);
    expect(await move.migrateKeys(1)).toBe(1);
    const left = await from.command<string[]>(['CLUSTER', 'GETKEYSINSLOT', slot, 9]);
    const gone = left[0] === a ? b : a;
    expect(await from.command(['GET', String(left[0])])).toBe(left[0] === a ? '1' : '2');
    await expect(from.command(['GET', gone])).rejects.toThrow(`ASK ${slot} 127.0.0.1:${to.port}`);
    await expect(from.command(['MGET', a, b])).rejects.toThrow('TRYAGAIN');
    await move.finish();
    await cluster.waitUntilStable();
    expect(await cluster.nodeOf(a)).toBe(to);
    expect(await to.command(['MGET', a, b])).toEqual(['1', '2']);
  });

  test('that is cancelled leaves the owner', async () => {
    const [from, to] = [await cluster.nodeOf(slot), await elsewhere(a)];
    const move = await cluster.beginSlotMove(slot, to);
    await expect(from.command(['GET', '{moving}absent'])).rejects.toThrow('ASK');
    await move.cancel();
    expect(await from.command(['GET', '{moving}absent'])).toBeNull();
    expect(await cluster.nodeOf(slot)).toBe(from);
  });

  test('takes all keys along in one call', async () => {
    const to = await elsewhere(a);
    await cluster.moveSlot(slot, to, { pauseBetweenStates: 10 });
    expect(await cluster.nodeOf(slot)).toBe(to);
    expect(await to.command(['MGET', a, b])).toEqual(['1', '2']);
  });

  test('to the owner itself is refused', async () => {
    await expect(cluster.beginSlotMove(slot, await cluster.nodeOf(slot))).rejects.toMatchObject({ code: 'RU_CONFIG' });
  });
});

describe('a failover', () => {
  test('makes the replica the primary and loses no write', async () => {
    const before = await cluster.nodeOf('k');
    await before.command(['SET', 'k', 'kept']);
    const after = await cluster.failover('k');
    expect(after).not.toBe(before);
    expect(await cluster.nodeOf('k')).toBe(after);
    expect(await after.command(['GET', 'k'])).toBe('kept');
    expect(await before.role()).toBe('replica');
  });

  test('takes over from a primary that stands still', async () => {
    const before = await cluster.nodeOf('k');
    before.pause();
    const after = await cluster.failover('k');
    before.resume();
    await cluster.waitUntilStable();
    expect(await cluster.nodeOf('k')).toBe(after);
    expect(await before.role()).toBe('replica');
  });

  test('comes by itself when a primary is killed, which returns as a replica', async () => {
    const before = await cluster.nodeOf('k');
    const [replica] = await cluster.replicasOf(before);
    await before.kill();
    await cluster.waitUntilStable();
    expect(await cluster.nodeOf('k')).toBe(replica);
    expect(await replica?.command(['GET', 'k'])).toBe('kept');
    await before.restart();
    await cluster.waitUntilStable();
    expect(await before.role()).toBe('replica');
  });

  test('of a primary without a replica says so', async () => {
    await using alone = await RedisServer.startCluster({ primaries: 1, replicas: 0 });
    await expect(alone.failover(0)).rejects.toThrow('has no replica that runs');
  });
});

test('with TLS and an ACL, nodes replicate and slots move all the same', async () => {
  const options = { primaries: 2, replicas: 1, tls: true, acl: ['user default off', 'user app on >x ~* +@all'] };
  await using guarded = await RedisServer.startCluster(options);
  expect(guarded.url).toMatch(/^rediss-cluster:\/\/localhost:\d+,/);
  const from = await guarded.nodeOf('k');
  const to = await guarded.nodeOf(keySlot('k') < 8192 ? 16383 : 0);
  await from.command(['SET', 'k', 'v']);
  await guarded.moveSlot(keySlot('k'), to);
  expect(await to.command(['GET', 'k'])).toBe('v');
  expect(await (await guarded.failover(to)).command(['GET', 'k'])).toBe('v');
});
