import { expect, test } from 'vitest';
import { defineScript } from '../../../src/client/index.js';
import type { RedisManager } from '../../../src/client/manager.js';
import { keySlot } from '../../../src/core/key-slot.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import type { SlotMove } from '../../../src/testing/slot-move.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { CountingLoad } from './counting-load.js';
import { connect, otherPrimaries, refusals, startCluster } from './start-cluster.js';

noLeaks();
const cluster = startCluster({ replicas: 0 });

/** Every key of these tests is in this slot, or in one of its own. */
const SLOT = keySlot('moving');
const tagged = (name: string | number): string => `{moving}${name}`;

/** Stops a move that has just begun. */
async function beginMove(): Promise<SlotMove> {
  const from = await cluster().nodeOf(SLOT);
  const [to] = await otherPrimaries(cluster(), from);
  return cluster().beginSlotMove(SLOT, to as ClusterNode);
}

const addToTwo = defineScript<readonly [by: number], number>({
  name: 'test.addToTwo',
  keys: ['a', 'b'],
  args: ['by'],
  readOnly: false,
  idempotent: false,
  decode: (reply) => Number(reply),
  lua: `redis.call('INCRBY', KEYS[1], ARGV[1]) return redis.call('INCRBY', KEYS[2], ARGV[1])`,
});

/** Callers of a script on two keys; gives what stops them, and then how often it was answered. */
function runScripts(manager: RedisManager, keys: readonly [string, string], callers: number): () => Promise<number> {
  const script = manager.script(addToTwo);
  let isStopped = false;
  const counts = Array.from({ length: callers }, async () => {
    let count = 0;
    for (; !isStopped; count += 1) await script.run(keys, [1]);
    return count;
  });
  return async () => {
    isStopped = true;
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  };
}

test('a slot that moves under load loses and doubles nothing, and rejects nobody', async () => {
  // on a busy machine a slot may be on its way for long
  const manager = await connect(cluster().url, { commandTimeout: '20s' });
  const before = await refusalsOfAll('TRYAGAIN');
  const keys = [...Array.from({ length: 20 }, (_, index) => tagged(index)), 'elsewhere', 'anywhere'];
  const load = CountingLoad.start(manager, keys, 900);
  const pairs = [0, 1, 2, 3].map((index) => [tagged(`a${index}`), tagged(`b${index}`)] as const);
  const scripts = pairs.map((pair) => runScripts(manager, pair, 25));
  for (let round = 0; round < 2; round += 1) {
    const so = load.acknowledged();
    await eventually(() => load.acknowledged() > so + 2_000);
    const move = await beginMove();
    // key by key, so that what belongs together is apart for a while
    while ((await move.migrateKeys(3)) > 0);
    await move.finish();
  }
  await cluster().waitUntilStable();
  await load.stop();
  const ran = await Promise.all(scripts.map((stop) => stop()));
  expect(load.failures).toEqual([]);
  for (const { key, least, value } of await load.audit()) expect({ key, value }).toEqual({ key, value: least });
  for (const [index, pair] of pairs.entries()) {
    expect(await manager.command(['MGET', ...pair])).toEqual([String(ran[index]), String(ran[index])]);
  }
  expect(await refusalsOfAll('TRYAGAIN')).toBeGreaterThan(before);
}, 40_000);

test('a move that rests half way keeps single keys in reach: what has moved, what has not, and what is new', async () => {
  const manager = await connect(cluster().url);
  const keys = Array.from({ length: 10 }, (_, index) => tagged(`rest${index}`));
  await Promise.all(keys.map((key) => manager.command(['SET', key, key])));
  const move = await beginMove();
  await move.migrateKeys(Math.floor((await slotSize(move.from)) / 2));
  const asked = await refusals(move.from, 'ASK');
  expect(await Promise.all(keys.map((key) => manager.command(['GET', key])))).toEqual(keys);
  const fresh = Array.from({ length: 10 }, (_, index) => tagged(`fresh${index}`));
  const at = await move.to.command<number>(['CLUSTER', 'COUNTKEYSINSLOT', SLOT]);
  expect(await Promise.all(fresh.map((key) => manager.command(['INCR', key])))).toEqual(fresh.map(() => 1));
  expect(await move.to.command(['CLUSTER', 'COUNTKEYSINSLOT', SLOT])).toBe(at + fresh.length);
  expect(await refusals(move.from, 'ASK')).toBeGreaterThan(asked);
  // ASK says nothing of the next command: the slot is still its old owner's
  expect(manager.slotOf?.(tagged('x'))).toBe(SLOT);
  const staying = await move.from.command<readonly string[]>(['CLUSTER', 'GETKEYSINSLOT', SLOT, 1]);
  expect(await manager.command(['EXISTS', String(staying[0])])).toBe(1);
  await move.finish();
  await cluster().waitUntilStable();
  expect(await Promise.all(keys.map((key) => manager.command(['GET', key])))).toEqual(keys);
  expect(await Promise.all(fresh.map((key) => manager.command(['GET', key])))).toEqual(fresh.map(() => '1'));
});

test('a command on several keys that are apart is retried until they are together again', async () => {
  const manager = await connect(cluster().url);
  const pair = [tagged('apart1'), tagged('apart2')] as const;
  await manager.command(['MSET', pair[0], '1', pair[1], '2']);
  const move = await beginMove();
  while ((await together(move.from, pair)) === 2) await move.migrateKeys(1);
  const before = await refusals(move.from, 'TRYAGAIN');
  // more than the budget of retries would allow for
  const values = Array.from({ length: 300 }, () => manager.command(['MGET', ...pair]));
  const sum = manager.script(addToTwo).run(pair, [5]);
  await eventually(async () => (await refusals(move.from, 'TRYAGAIN')) > before + 600);
  await move.finish();
  expect(new Set((await Promise.all(values)).map(String)).size).toBeLessThanOrEqual(2);
  expect(await sum).toBe(7);
  expect(await manager.command(['MGET', ...pair])).toEqual(['6', '7']);
  await cluster().waitUntilStable();
});

test('a slot that has moved costs one redirection, on shared connections and on leased ones', async () => {
  const [shared, leasing] = [await connect(cluster().url), await connect(cluster().url)];
  const key = tagged('once');
  const from = await cluster().nodeOf(SLOT);
  const [to] = await otherPrimaries(cluster(), from);
  await cluster().moveSlot(SLOT, to as ClusterNode);
  const before = await refusals(from, 'MOVED');
  for (let call = 0; call < 20; call += 1) expect(await shared.command(['EXISTS', key])).toBe(0);
  expect(await refusals(from, 'MOVED')).toBe(before + 1);
  const first = await leasing.lease({ key });
  await expect(first.command(['EXISTS', key])).rejects.toMatchObject({ replyCode: 'MOVED', retryable: true });
  first.release();
  await using second = await leasing.lease({ key });
  expect(await second.command(['EXISTS', key])).toBe(0);
  expect(await refusals(from, 'MOVED')).toBe(before + 2);
});

test('thousands of calls through redirections each get their own reply', async () => {
  const manager = await connect(cluster().url);
  const echo = defineScript<readonly [text: string], unknown>({
    name: 'test.echo',
    keys: ['key'],
    args: ['text'],
    readOnly: true,
    idempotent: true,
    decode: (reply) => reply,
    lua: 'return ARGV[1]',
  });
  const script = manager.script(echo);
  let isStopped = false;
  const wrong: unknown[] = [];
  let count = 0;
  const callers = Array.from({ length: 200 }, async (_, caller) => {
    for (let index = 0; !isStopped; index += 1, count += 1) {
      const text = `${caller}:${index}`;
      const [name, answer] = [tagged(`absent${index % 7}`), await script.run([tagged(`none${index % 7}`)], [text])];
      if (answer !== text) wrong.push({ name, text, answer });
    }
  });
  for (let round = 0; round < 3; round += 1) {
    const move = await beginMove();
    const so = count;
    await eventually(() => count > so + 1_000);
    await move.finish();
  }
  isStopped = true;
  await Promise.all(callers);
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(3_000);
  expect(await refusalsOfAll('ASK')).toBeGreaterThan(1_000);
  expect(await refusalsOfAll('MOVED')).toBeGreaterThan(0);
  await cluster().waitUntilStable();
});

async function refusalsOfAll(word: string): Promise<number> {
  const counts = await Promise.all(cluster().nodes.map((node) => refusals(node, word)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function slotSize(node: ClusterNode): Promise<number> {
  return node.command<number>(['CLUSTER', 'COUNTKEYSINSLOT', SLOT]);
}

/** How many of the keys are at the node. */
async function together(node: ClusterNode, keys: readonly string[]): Promise<number> {
  const there = await node.command<readonly string[]>(['CLUSTER', 'GETKEYSINSLOT', SLOT, 1_000]);
  return keys.filter((key) => there.includes(key)).length;
}
