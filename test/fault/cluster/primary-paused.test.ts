import { expect, test } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { CountingLoad } from './counting-load.js';
import { connect, keysOf, PARTIAL, startCluster, synchronise } from './start-cluster.js';

noLeaks();
const cluster = startCluster({ args: PARTIAL });

const UNRESPONSIVE_MS = 400;

test('a primary that stands still is given up in time, followed by its successor, and no longer believed', async () => {
  const manager = await connect(cluster().url, {
    unresponsiveAfter: UNRESPONSIVE_MS,
    connectTimeout: 400,
    offlineQueue: { maxWait: 200 },
  });
  const frozen = await cluster().nodeOf(0);
  const keys = await keysOf(cluster(), frozen, 20);
  const warmUp = CountingLoad.start(manager, keys, 100);
  await eventually(() => warmUp.acknowledged() > 2_000);
  await warmUp.stop();
  await synchronise(cluster(), frozen);
  const before = await warmUp.audit();
  frozen.pause();
  const sinceMs = performance.now();
  const load = CountingLoad.start(manager, keys, 100);
  await eventually(() => load.failures.length >= 100);
  // a quarter of the limit between two looks, and the machine may be busy
  const [first] = load.failures;
  expect(first?.error).toMatchObject({ code: 'RU_CONNECTION', reason: 'unresponsive', outcome: 'unknown' });
  expect((first?.atMs ?? Infinity) - sinceMs).toBeLessThan(UNRESPONSIVE_MS * 1.25 + 500);
  await eventually(() => load.acknowledged() > 500, { within: '15s' });
  const successor = await cluster().nodeOf(0);
  expect(successor).not.toBe(frozen);
  frozen.resume();
  await eventually(async () => (await frozen.role()) === 'replica', { within: '15s' });
  const afterwards = load.acknowledged();
  await eventually(() => load.acknowledged() > afterwards + 500);
  await load.stop();
  const unknown = load.failures.filter(({ error }) => error instanceof ConnectionError && error.outcome === 'unknown');
  expect(unknown).toHaveLength(100);
  expect(load.slowestMs).toBeLessThan(5_200);
  // nothing was acknowledged that the successor does not have: the old primary answered nobody after its pause
  for (const [index, { key, least, value, most }] of (await load.audit()).entries()) {
    const known = before[index]?.value ?? Infinity;
    expect({ key, isRight: value >= known + least && value <= known + most }).toEqual({ key, isRight: true });
  }
  await cluster().waitUntilStable();
}, 40_000);
