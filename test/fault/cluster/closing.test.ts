import { expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import { PubSubManager } from '../../../src/pubsub/index.js';
import { DistributedLock } from '../../../src/lock/index.js';
import type { ClusterNode } from '../../../src/testing/cluster-node.js';
import type { ServerError } from '../../../src/core/errors.js';
import { keySlot } from '../../../src/core/key-slot.js';
import { watchLeaks } from '../../../src/testing/leaks.js';
import { eventually } from '../../support/eventually.js';
import { CountingLoad } from './counting-load.js';
import { PARTIAL, otherPrimaries, startCluster } from './start-cluster.js';

const cluster = startCluster({ args: PARTIAL });

/** For how long this process, on a machine that others use as well, did not get to run its timers. */
class Stalls {
  #lateMs = 0;
  #dueMs = performance.now() + 10;
  readonly #timer = setInterval(() => this.#look(), 10);

  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#lateMs;
  }

  #look(): void {
    const nowMs = performance.now();
    this.#lateMs += Math.max(0, nowMs - this.#dueMs);
    this.#dueMs = nowMs + 10;
  }
}

const DRAIN_MS = 300;
const KEYS = Array.from({ length: 60 }, (_, index) => `closing${index}`);

/** Everything that a manager can be busy with. */
async function busy(): Promise<{ manager: RedisManager; load: CountingLoad; ended: Promise<unknown>[] }> {
  const manager = await RedisManager.connect({ url: cluster().url, unresponsiveAfter: 500, pool: { max: 20 } });
  const load = CountingLoad.start(manager, KEYS, 100);
  const subscription = await new PubSubManager(manager).subscribe('news');
  const lock = await new DistributedLock(manager, 'held', '5s').acquire();
  const queues = KEYS.slice(0, 6).map((key) => `{${key}}:queue`);
  const leases = await Promise.all(queues.map((key) => manager.lease({ key })));
  const blocked = leases.map(async (lease, index) => {
    const answer = await lease.command(['BLPOP', String(queues[index]), 0]).catch((error: unknown) => error);
    lease.release();
    // ended as if its time had come; by a primary that became a replica, which unblocks or redirects those who wait,
    // whichever it comes to first; or cut with its connection
    if (answer === null || /^(UNBLOCKED|MOVED)$/.test((answer as ServerError).replyCode)) return;
    expect(answer).toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
  });
  for (const each of blocked) each.catch(() => {});
  await eventually(() => load.acknowledged() > 2_000);
  return { manager, load, ended: [...blocked, subscription.closed, new Promise((resolve) => onLost(lock, resolve))] };
}

function onLost(lock: { readonly signal: AbortSignal }, resolve: (value?: unknown) => void): void {
  // released or lost: either way it is over
  if (lock.signal.aborted) resolve();
  else lock.signal.addEventListener('abort', () => resolve(), { once: true });
}

test.each([
  ['nothing is wrong', () => Promise.resolve(() => Promise.resolve())],
  [
    'a primary was killed',
    async () => {
      const node = await cluster().nodeOf(0);
      await node.kill();
      return () => node.restart();
    },
  ],
  [
    'a primary stands still',
    async () => {
      const node = await cluster().nodeOf(8_000);
      node.pause();
      return () => Promise.resolve(node.resume());
    },
  ],
  [
    'a slot is half way',
    async () => {
      const from = await cluster().nodeOf('closing0');
      const [to] = await otherPrimaries(cluster(), from);
      const move = await cluster().beginSlotMove(keySlot('closing0'), to as ClusterNode);
      await move.migrateKeys(1);
      return () => move.finish();
    },
  ],
  [
    'roles change',
    async () => {
      const changed = cluster().failover(16_000);
      return async () => void (await changed);
    },
  ],
] as const)(
  'close resolves in time and leaves nothing while %s',
  async (_, begin) => {
    const leaks = watchLeaks();
    const { manager, load, ended } = await busy();
    const end = await begin();
    try {
      await eventually(() => load.acknowledged() > 3_000);
      const stalls = new Stalls();
      const sinceMs = performance.now();
      const report = await manager.close({ drain: DRAIN_MS });
      const tookMs = performance.now() - sinceMs;
      const limitMs = DRAIN_MS + 100 + stalls.stop();
      expect(tookMs).toBeLessThan(limitMs);
      expect(report.tookMs).toBeLessThan(limitMs);
      await load.stop();
      await Promise.all(ended);
      expect(load.failures.at(-1)?.error).toMatchObject({ code: expect.stringMatching(/^RU_(CLOSED|CONNECTION)$/) });
      expect(manager.state).toBe('closed');
    } finally {
      await end();
      await cluster().waitUntilStable();
    }
    // what the kit was doing meanwhile has its timers, too
    await leaks.check();
  },
  40_000,
);
