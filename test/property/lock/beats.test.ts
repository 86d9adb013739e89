import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DistributedLock, type LockGuard } from '../../../src/lock/index.js';
import { settle } from '../../unit/lock/virtual-clock.js';
import { World } from '../../unit/lock/world.js';

/*
 * When leases are renewed, whatever the rhythm of the beats is and whenever a lock joins them.
 */

interface Hold {
  readonly after: number;
  readonly held: number;
}

const ttl = fc.constantFrom(100, 999, 1_000, 2_500, 30_000);
/** The jitter of the beats, one after another. */
const jitter = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 20 });
/** When locks are acquired, and for how long they are held, in parts of a lease. */
const hold = fc.record({ after: part(1), held: part(4) });
const holds: fc.Arbitrary<readonly Hold[]> = fc.array(hold, {
  minLength: 1,
  maxLength: 6,
});

function part(max: number): fc.Arbitrary<number> {
  return fc.double({ min: 0, max, noNaN: true });
}

function worldOf(uniforms: readonly number[]): World {
  const world = new World();
  world.listens = true;
  let drawn = 0;
  Object.assign(world.random, { uniform: () => uniforms[(drawn += 1) % uniforms.length] });
  return world;
}

/** When the server was asked for the lease of a token. */
function moments(world: World, token: string): number[] {
  const asked = world.calls.filter((call) => call.token === token && call.name !== 'release');
  return asked.map(({ atMs }) => atMs);
}

test(
  'a guard is never without a renewal for longer than half of its ttl, and none is sent before a ninth',
  { timeout: 60_000 },
  async () => {
    const check = async (ttlMs: number, uniforms: readonly number[], terms: readonly Hold[]): Promise<void> => {
      const world = worldOf(uniforms);
      const ends: { guard: LockGuard; endMs: number }[] = [];
      for (const [n, { after, held }] of terms.entries()) {
        await world.clock.advance(after * ttlMs);
        const guard = await new DistributedLock(world.manager, `k${n}`, ttlMs).acquire();
        ends.push({ guard, endMs: world.clock.nowMs + held * ttlMs });
      }
      for (const { guard, endMs } of ends.toSorted((a, b) => a.endMs - b.endMs)) {
        await world.clock.advance(endMs - world.clock.nowMs);
        expect(guard.state).toBe('held');
        const asked = [...moments(world, guard.token), world.clock.nowMs];
        for (const [n, atMs] of asked.slice(1).entries()) {
          expect(atMs - (asked[n] as number)).toBeLessThanOrEqual(ttlMs / 2);
          if (n < asked.length - 2) expect(atMs - (asked[n] as number)).toBeGreaterThanOrEqual(ttlMs / 9);
        }
        await guard.release();
      }
      await world.clock.advance(2 * ttlMs);
      expect(world.clock.timers).toBe(0);
    };
    await fc.assert(fc.asyncProperty(ttl, jitter, holds, check), { numRuns: 300 });
  },
);

test('what was handed over is renewed before half of the claim has passed', { timeout: 60_000 }, async () => {
  const check = async (ttlMs: number, uniforms: readonly number[], after: number): Promise<void> => {
    const world = worldOf(uniforms);
    const [first, second] = [world.process(), world.process()].map((each) => new DistributedLock(each, 'k', ttlMs));
    for (const lock of [first, second]) await (await lock?.acquire())?.release();
    await settle();
    const holder = await first?.acquire();
    const waiting = second?.acquire();
    await world.clock.advance(after * 1_000);
    await holder?.release();
    const guard = (await waiting) as LockGuard;
    const atMs = world.clock.nowMs;
    await world.clock.advance(501);
    const renewed = moments(world, guard.token).filter((each) => each > atMs);
    expect(renewed.length).toBeGreaterThanOrEqual(1);
    expect((renewed[0] as number) - atMs).toBeLessThanOrEqual(500);
    await guard.release();
  };
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1_001, max: 5_000 }), jitter, part(3), check), { numRuns: 300 });
});
