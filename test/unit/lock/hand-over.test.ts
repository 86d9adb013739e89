import { beforeEach, describe, expect, test } from 'vitest';
import { DistributedLock, type LockGuard, type LockOptions } from '../../../src/lock/index.js';
import { settle, World } from './world.js';

const KEY = 'ru:lock:{k}';
const CLAIM_MS = 1_000;

let world: World;

beforeEach(() => {
  world = new World();
  world.listens = true;
});

/** A lock of a further process, which listens. */
async function lockOf(ttlMs: number, options?: LockOptions): Promise<DistributedLock> {
  const lock = new DistributedLock(world.process(), 'k', ttlMs, options);
  await (await lock.acquire()).release();
  await settle();
  return lock;
}

interface HandOver {
  readonly holder: LockGuard;
  /** Of the one who waits. */
  readonly lock: DistributedLock;
  /** Settles when the waiter has the lock. */
  readonly waiting: Promise<LockGuard>;
}

/** One holds the lock, another waits in the queue. */
async function queued(ttlMs: number, options?: LockOptions): Promise<HandOver> {
  const [first, second] = [await lockOf(ttlMs), await lockOf(ttlMs, options)];
  const holder = await first.acquire();
  const waiting = second.acquire({ timeout: 3_600_000 });
  waiting.catch(() => undefined);
  await settle();
  expect(world.locks.get(KEY)?.queue).toHaveLength(1);
  return { holder, lock: second, waiting };
}

/** How long the server still counts the lock as held. */
const leftMs = (): number => (world.locks.get(KEY)?.endMs ?? 0) - world.serverMs;
const extensions = (of: LockGuard): number[] =>
  world.calls.filter(({ name, token }) => name === 'extend' && token === of.token).map(({ atMs }) => atMs);

describe('a lock that is handed over', () => {
  test('needs no command of the one who waits', async () => {
    const { holder, waiting } = await queued(30_000);
    world.calls.length = 0;
    await holder.release();
    const guard = await waiting;
    expect(world.names()).toEqual(['release']);
    await guard.release();
    expect(world.names()).toEqual(['release', 'release']);
  });

  test('is renewed at a third of the claim, and then lasts for its ttl', async () => {
    for (const ttlMs of [2_500, 30_000]) {
      const { holder, waiting } = await queued(ttlMs);
      await holder.release();
      const guard = await waiting;
      const atMs = world.clock.nowMs;
      expect(guard.remainingMs).toBeLessThanOrEqual(CLAIM_MS);
      await world.clock.advance(CLAIM_MS / 2);
      expect(extensions(guard)).toHaveLength(1);
      expect((extensions(guard)[0] ?? 0) - atMs).toBeLessThanOrEqual(CLAIM_MS / 3);
      expect(guard.remainingMs).toBeGreaterThan(ttlMs * 0.8);
      await guard.release();
    }
  });

  test('lasts for its ttl also where it is not renewed while it is held', async () => {
    const { holder, waiting } = await queued(30_000, { renew: false });
    await holder.release();
    const guard = await waiting;
    await world.clock.advance(20_000);
    expect(guard.state).toBe('held');
    expect(extensions(guard)).toHaveLength(1);
    await world.clock.advance(12_000);
    expect(guard.signal.reason).toMatchObject({ reason: 'expired' });
  });

  test('is held from then on, not since the wait began: by its state and by maxHold', async () => {
    const { holder, waiting } = await queued(30_000, { renew: { maxHold: '10s' } });
    await world.clock.advance(20_000);
    await holder.release();
    const guard = await waiting;
    expect(guard.state).toBe('held');
    await world.clock.advance(9_000);
    expect(guard.state).toBe('held');
    await world.clock.advance(40_000);
    expect(guard.signal.reason).toMatchObject({ reason: 'max-hold' });
  });
});

describe('a grant whose message is read late', () => {
  test('never counts for longer than the server counts it', async () => {
    for (const delayMs of [1, 100, 400, 700, 999, 1_500, 5_000]) {
      world = new World();
      world.listens = true;
      const { holder, waiting } = await queued(30_000);
      await world.clock.advance(2_000);
      world.messageDelayMs = delayMs;
      await holder.release();
      // until it arrives, or somebody looks
      for (let passed = 0; passed < 30_000; passed += 50) {
        await world.clock.advance(50);
        const guard = await Promise.race([waiting, undefined]);
        if (guard === undefined) continue;
        expect(guard.remainingMs).toBeLessThanOrEqual(leftMs());
        expect(world.locks.get(KEY)?.owner).toBe(guard.token);
      }
      const guard = await waiting;
      expect(guard.state).toBe('held');
      await guard.release();
    }
  });

  test('is not believed when the process stood still for longer than the claim', async () => {
    const { holder, waiting } = await queued(30_000);
    world.messageDelayMs = 10;
    await holder.release();
    const handed = world.locks.get(KEY)?.fence;
    world.clock.stall(CLAIM_MS + 500);
    await world.clock.advance(100);
    const guard = await waiting;
    // it has asked again, and was granted anew
    expect(Number(guard.fence)).toBeGreaterThan(handed ?? 0);
    expect(guard.remainingMs).toBeLessThanOrEqual(leftMs());
  });

  test('does not gain by a clock of the server that was moved forward meanwhile', async () => {
    const { holder, waiting } = await queued(30_000);
    await world.clock.advance(2_000);
    world.serverAheadMs = 20_000;
    await holder.release();
    const guard = await waiting;
    expect(guard.remainingMs).toBeLessThanOrEqual(leftMs());
    expect(guard.remainingMs).toBeGreaterThan(CLAIM_MS / 2);
  });

  test('is asked about where the wait was so long that drift makes it uncertain', async () => {
    const { holder, waiting } = await queued(3_600_000);
    await world.clock.advance(600_000);
    world.calls.length = 0;
    await holder.release();
    const guard = await waiting;
    expect(world.names()).toEqual(['release', 'acquire']);
    expect(guard.remainingMs).toBeLessThanOrEqual(leftMs());
    expect(guard.state).toBe('held');
  });
});

describe('messages', () => {
  test('that overtake the answer which says that there is something to wait for are not lost', async () => {
    const [first, second] = [await lockOf(60_000), await lockOf(60_000)];
    const holder = await first.acquire();
    Object.assign(world, { latencyMs: 100, messageDelayMs: -100 });
    world.calls.length = 0;
    const waiting = second.acquire();
    await world.clock.advance(50);
    const released = holder.release();
    await world.clock.advance(500);
    const guard = await Promise.race([waiting, undefined]);
    expect(guard?.token).toBe(world.locks.get(KEY)?.owner);
    expect(world.names().slice(0, 2)).toEqual(['acquire', 'release']);
    await world.clock.advance(500);
    expect(await released).toEqual({ status: 'released' });
    expect(guard?.state).toBe('held');
  });

  test('that got lost are made up for when the connection is back: everybody looks', async () => {
    const { holder, waiting } = await queued(60_000);
    await world.cutInboxes(true);
    await holder.release();
    expect(world.locks.get(KEY)?.owner).toBe('');
    await world.cutInboxes(false);
    const guard = await waiting;
    expect(guard.state).toBe('held');
    await guard.release();
  });

  test('come once, however often the connection was lost while somebody waited', async () => {
    const { holder, lock, waiting } = await queued(60_000);
    for (let n = 0; n < 3; n += 1) {
      await world.cutInboxes(true);
      expect(await lock.tryAcquire()).toBeUndefined();
      await world.cutInboxes(false);
    }
    expect(world.subscriptions).toBe(2);
    await holder.release();
    await (await waiting).release();
  });
});
