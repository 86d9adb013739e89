import { describe, expect, test } from 'vitest';
import { DistributedLock, type LockGuard } from '../../../src/lock/index.js';
import { World } from './world.js';

const TTL_MS = 9_000;

async function acquire(world: World, count: number): Promise<LockGuard[]> {
  const guards: LockGuard[] = [];
  for (let n = 0; n < count; n += 1) {
    guards.push(await new DistributedLock(world.manager, `k${n}`, TTL_MS).acquire());
    if (n % 100 === 0) await world.clock.advance(20);
  }
  return guards;
}

describe('renewal of many locks', () => {
  test('of one length takes one batch per third of the lease, at most 200 locks in a command', async () => {
    const world = new World();
    const guards = await acquire(world, 10_000);
    await world.clock.advance(TTL_MS);
    world.calls.length = 0;
    const before = world.commands;
    await world.clock.advance(TTL_MS);
    const moments = new Set(world.calls.map(({ atMs }) => atMs));
    // three beats in a lease, and perhaps the one at its edge
    expect(moments.size).toBeGreaterThanOrEqual(3);
    expect(moments.size).toBeLessThanOrEqual(4);
    expect(world.calls).toHaveLength(moments.size * 10_000);
    const sizes = new Map<number, number>();
    for (const { command } of world.calls) sizes.set(command, (sizes.get(command) ?? 0) + 1);
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(200);
    expect(world.commands - before).toBeLessThanOrEqual(moments.size * 80);
    expect(guards.every(({ state }) => state === 'held')).toBe(true);
    await Promise.all(guards.map((guard) => guard.release()));
    await world.clock.advance(TTL_MS);
    expect(world.clock.timers).toBe(0);
  });

  test('is never later than half of a lease, whenever it was acquired', async () => {
    const world = new World();
    const first = await new DistributedLock(world.manager, 'first', TTL_MS).acquire();
    for (let n = 0; n < 30; n += 1) {
      await world.clock.advance(313);
      const guard = await new DistributedLock(world.manager, `k${n}`, TTL_MS).acquire();
      for (let passed = 0; passed < 2 * TTL_MS; passed += 100) {
        await world.clock.advance(100);
        expect(guard.state).toBe('held');
      }
      await guard.release();
    }
    await first.release();
  });

  test('is not sent for locks that are released before', async () => {
    const world = new World();
    const lock = new DistributedLock(world.manager, 'k', TTL_MS);
    for (let n = 0; n < 100; n += 1) {
      const guard = await lock.acquire();
      await world.clock.advance(TTL_MS / 10);
      await guard.release();
    }
    expect(world.names()).not.toContain('extend');
  });
});
