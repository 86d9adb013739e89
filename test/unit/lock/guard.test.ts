import { beforeEach, describe, expect, test } from 'vitest';
import { ConnectionError, TimeoutError } from '../../../src/core/errors.js';
import { DistributedLock, LockLostError, type LockOptions } from '../../../src/lock/index.js';
import { settle, World } from './world.js';

let world: World;
const KEY = 'ru:lock:{job}';
/** A lease of 1 s is relied on for 1000 - 10 (drift) - 20 (margin). */
const VALID_MS = 970;

beforeEach(() => {
  world = new World();
});

const lockWith = (options?: LockOptions): DistributedLock => new DistributedLock(world.manager, 'job', 1_000, options);
const unrenewed = (): DistributedLock => lockWith({ renew: false });
const renewals = (): number => world.names().filter((name) => name === 'extend').length;
const lossOf = (signal: AbortSignal): LockLostError => signal.reason as LockLostError;

describe('the local deadline', () => {
  test('counts from the send time of the grant, less drift and margin', async () => {
    world.latencyMs = 50;
    const acquiring = unrenewed().acquire();
    await world.clock.advance(100);
    const guard = await acquiring;
    expect(guard.remainingMs).toBe(VALID_MS - 100);
  });

  test('aborts the signal before the lease ends on the server', async () => {
    const guard = await unrenewed().acquire();
    const { signal } = guard;
    await world.clock.advance(VALID_MS - 1);
    expect(signal.aborted).toBe(false);
    let leftOnServerMs = 0;
    signal.addEventListener('abort', () => {
      leftOnServerMs = (world.locks.get(KEY)?.endMs ?? 0) - world.clock.nowMs;
    });
    await world.clock.advance(2);
    expect(leftOnServerMs).toBeGreaterThan(0);
    expect(lossOf(signal)).toMatchObject({ code: 'RU_LOCK_LOST', key: 'job', fence: guard.fence, reason: 'expired' });
  });

  test('is seen by every question directly after a stall, before any timer had its turn', async () => {
    const guards = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((key) => new DistributedLock(world.manager, key, 1_000).acquire()),
    );
    const signals = guards.map(({ signal }) => signal);
    world.clock.stall(1_500);
    expect(signals[0]?.aborted).toBe(true);
    expect(() => signals[1]?.throwIfAborted()).toThrow(LockLostError);
    expect(guards[2]?.state).toBe('lost');
    expect(guards[3]?.remainingMs).toBe(0);
    expect(() => guards[4]?.assertHeld()).toThrow(LockLostError);
  });

  test('comes early when the wall clock jumps ahead, as after a sleep of the machine', async () => {
    const guard = await lockWith().acquire();
    const { signal } = guard;
    world.clock.jumpWall(3_600_000);
    expect(guard.state).toBe('lost');
    expect(signal.aborted).toBe(true);
  });

  test('reaches listeners after a sleep of the machine without being asked', async () => {
    const guard = await new DistributedLock(world.manager, 'job', '1h', { renew: false }).acquire();
    const { signal } = guard;
    let aborted = false;
    signal.addEventListener('abort', () => (aborted = true));
    world.clock.jumpWall(2 * 3_600_000);
    await world.clock.advance(1_000);
    expect(aborted).toBe(true);
  });

  test('ignores a wall clock that jumps back', async () => {
    const guard = await unrenewed().acquire();
    world.clock.jumpWall(-3_600_000);
    expect(guard.remainingMs).toBe(VALID_MS);
    await world.clock.advance(VALID_MS);
    expect(guard.state).toBe('lost');
  });

  test('once passed is final, even if the wall clock comes back', async () => {
    const guard = await unrenewed().acquire();
    world.clock.jumpWall(5_000);
    expect(guard.state).toBe('lost');
    world.clock.jumpWall(-5_000);
    expect(guard.state).toBe('lost');
    expect(guard.remainingMs).toBe(0);
  });

  test('is heard through AbortSignal.any', async () => {
    const guard = await unrenewed().acquire();
    const both = AbortSignal.any([guard.signal, new AbortController().signal]);
    await world.clock.advance(VALID_MS + 1);
    expect(both.aborted).toBe(true);
    expect(both.reason).toBeInstanceOf(LockLostError);
  });

  test('a signal that is first asked for after the loss is already aborted', async () => {
    const guard = await unrenewed().acquire();
    await world.clock.advance(1_000);
    expect(guard.signal.aborted).toBe(true);
    expect(guard.signal).toBe(guard.signal);
  });
});

describe('renewal', () => {
  test('keeps the lock for as long as it is held, about three times per lease', async () => {
    const guard = await lockWith().acquire();
    const { signal } = guard;
    await world.clock.advance(10_000);
    expect(guard.state).toBe('held');
    expect(signal.aborted).toBe(false);
    expect(renewals()).toBeGreaterThanOrEqual(27);
    expect(renewals()).toBeLessThanOrEqual(34);
    await guard.release();
    const sent = world.calls.length;
    await world.clock.advance(5_000);
    expect(world.calls.length).toBe(sent);
    expect(world.clock.timers).toBe(0);
  });

  test('that fails is repeated within the lease, and is reported once', async () => {
    const guard = await lockWith().acquire();
    world.weather = 'cut-before';
    await world.clock.advance(550);
    expect(guard.state).toBe('suspect');
    expect(renewals()).toBeGreaterThan(2);
    world.weather = undefined;
    await world.clock.advance(250);
    expect(guard.state).toBe('held');
    expect(world.reported.map(({ source }) => source)).toEqual(['lock.renew']);
  });

  test('without an answer ends with the lease, never later, and carries the cause', async () => {
    const guard = await lockWith().acquire();
    const { signal } = guard;
    world.weather = 'lose-request';
    let leftOnServerMs = 0;
    signal.addEventListener('abort', () => {
      leftOnServerMs = (world.locks.get(KEY)?.endMs ?? 0) - world.clock.nowMs;
    });
    await world.clock.advance(VALID_MS + 1);
    expect(signal.aborted).toBe(true);
    expect(leftOnServerMs).toBeGreaterThan(0);
    expect(lossOf(signal).reason).toBe('renewal-timeout');
    expect(lossOf(signal).cause).toBeInstanceOf(TimeoutError);
    for (const { options } of world.calls.slice(1)) expect(Number(options?.timeout)).toBeLessThan(VALID_MS / 2);
  });

  test('is told at once that another owns the lock', async () => {
    const guard = await lockWith().acquire();
    const { signal } = guard;
    world.locks.set(KEY, { owner: 'rival', fence: 9, endMs: world.clock.nowMs + 1_000 });
    await world.clock.advance(400);
    expect(lossOf(signal).reason).toBe('stolen');
    expect(await guard.release()).toEqual({ status: 'stolen' });
    expect(world.names()).not.toContain('release');
  });

  test('stops at maxHold, and the lock is lost with its lease', async () => {
    const guard = await lockWith({ renew: { maxHold: '2s' } }).acquire();
    const { signal } = guard;
    await world.clock.advance(1_999);
    expect(guard.state).toBe('held');
    await world.clock.advance(1_400);
    expect(lossOf(signal).reason).toBe('max-hold');
    expect(world.clock.timers).toBe(0);
  });

  test('of a forgotten guard ends, and leaves no timer', async () => {
    await lockWith({ renew: { maxHold: '5s' } }).acquire();
    await new DistributedLock(world.manager, 'other', 1_000, { renew: false }).acquire();
    await world.clock.advance(20_000);
    expect(world.clock.timers).toBe(0);
  });

  test('is never sent after release, also when one was on its way', async () => {
    const guard = await lockWith().acquire();
    world.latencyMs = 20;
    await world.clock.advance(380);
    const sent = renewals();
    const release = guard.release();
    await world.clock.advance(2_000);
    expect(await release).toEqual({ status: 'released' });
    expect(renewals()).toBe(sent);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('does not happen when it is turned off', async () => {
    await unrenewed().acquire();
    await world.clock.advance(3_000);
    expect(world.names()).toEqual(['acquire']);
  });

  test('of the shortest lease keeps a floor between two requests', async () => {
    const guard = await new DistributedLock(world.manager, 'job', 10).acquire();
    await world.clock.advance(1_000);
    expect(guard.state).not.toBe('lost');
    expect(renewals()).toBeLessThanOrEqual(200);
  });
});

describe('assertHeld', () => {
  test('passes while held, and for as long as it asks', async () => {
    const guard = await unrenewed().acquire();
    guard.assertHeld();
    guard.assertHeld(900);
    expect(() => guard.assertHeld(980)).toThrow(expect.objectContaining({ reason: 'ending' }));
    expect(guard.state).toBe('held');
  });

  test('after release says so', async () => {
    const guard = await lockWith().acquire();
    await guard.release();
    expect(() => guard.assertHeld()).toThrow(expect.objectContaining({ reason: 'released' }));
    expect(guard.signal.aborted).toBe(false);
    expect(guard.remainingMs).toBe(0);
  });
});

describe('extend', () => {
  test('makes the lease longer and never shorter', async () => {
    const guard = await unrenewed().acquire();
    await guard.extend('1m');
    expect(guard.remainingMs).toBe(60_000 - 600 - 50);
    await guard.extend(100);
    expect(guard.remainingMs).toBeGreaterThan(59_000);
    const { signal } = guard;
    await world.clock.advance(59_000);
    expect(signal.aborted).toBe(false);
    await world.clock.advance(1_000);
    expect(signal.aborted).toBe(true);
  });

  test('after the end rejects without asking the server', async () => {
    const guard = await unrenewed().acquire();
    world.clock.stall(1_000);
    await expect(guard.extend()).rejects.toThrow(LockLostError);
    expect(world.names()).toEqual(['acquire']);
  });

  test('of a lock that the server gave to another loses it', async () => {
    const guard = await unrenewed().acquire();
    world.locks.set(KEY, { owner: 'rival', fence: 9, endMs: world.clock.nowMs + 1_000 });
    await expect(guard.extend()).rejects.toThrow(expect.objectContaining({ reason: 'stolen' }));
    expect(guard.state).toBe('lost');
  });

  test('without an answer leaves the lock as it was, or lost', async () => {
    const guard = await unrenewed().acquire();
    world.faults.push('cut-before', 'lose-request');
    await expect(guard.extend()).rejects.toThrow(ConnectionError);
    expect(guard.state).toBe('held');
    const extending = expect(guard.extend()).rejects.toThrow(LockLostError);
    await world.clock.advance(1_000);
    await extending;
  });
});

describe('verify', () => {
  test('asks the server and believes it', async () => {
    const guard = await lockWith().acquire();
    expect(await guard.verify()).toBe(true);
    world.locks.delete(KEY);
    expect(await guard.verify()).toBe(false);
    expect(lossOf(guard.signal).reason).toBe('expired');
    expect(await guard.verify()).toBe(false);
    expect(world.names().filter((name) => name === 'verify')).toHaveLength(2);
  });
});

describe('release', () => {
  test('may be called again, and asks the server once', async () => {
    const lock = lockWith();
    const guard = await lock.acquire();
    expect(await Promise.all([guard.release(), lock.release(guard), guard[Symbol.asyncDispose]()])).toEqual([
      { status: 'released' },
      { status: 'released' },
      undefined,
    ]);
    expect(world.names()).toEqual(['acquire', 'release']);
  });

  test('of a lost lock does not wait, does not throw, and takes back what a late renewal may have prolonged', async () => {
    const guard = await lockWith().acquire();
    world.weather = 'lose-reply';
    await world.clock.advance(VALID_MS + 1);
    expect(guard.state).toBe('lost');
    world.weather = undefined;
    expect(await guard.release()).toEqual({ status: 'expired' });
    await settle();
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('without an answer is unknown, and is repeated in the background', async () => {
    const guard = await lockWith().acquire();
    world.faults.push('cut-before');
    expect(await guard.release()).toEqual({ status: 'unknown' });
    expect(world.locks.get(KEY)?.owner).toBe(guard.token);
    await world.clock.advance(100);
    expect(world.locks.get(KEY)?.owner).toBe('');
    expect(world.reported).toEqual([]);
  });

  test('of a guard of another lock is refused', async () => {
    const guard = await lockWith().acquire();
    const other = new DistributedLock(world.manager, 'other', 1_000);
    await expect(other.release(guard)).rejects.toThrow('guard');
    await expect(other.release(undefined as never)).rejects.toThrow('guard');
  });

  test('by await using happens when the block ends', async () => {
    {
      await using guard = await lockWith().acquire();
      expect(guard.state).toBe('held');
    }
    expect(world.locks.get(KEY)?.owner).toBe('');
  });
});

describe('run', () => {
  test('gives the result of its function and releases', async () => {
    expect(await lockWith().run((guard) => guard.fence)).toBe(1n);
    expect(world.names()).toEqual(['acquire', 'release']);
  });

  test('passes the error of its function on, and releases', async () => {
    const error = new Error('business');
    await expect(lockWith().run(() => Promise.reject(error))).rejects.toBe(error);
    expect(world.locks.get(KEY)?.owner).toBe('');
  });

  test('never replaces an error of its function by a failed release', async () => {
    const error = new Error('business');
    const running = lockWith().run(async () => {
      world.weather = 'refused';
      throw error;
    });
    await expect(running).rejects.toBe(error);
  });

  test('gives the result although the release got no answer', async () => {
    const running = lockWith().run(async () => {
      world.faults.push('cut-after');
      return 'done';
    });
    expect(await running).toBe('done');
  });

  test('rejects with the loss when the lock was lost before its function settled', async () => {
    const lock = lockWith();
    await expect(lock.run(async () => world.clock.stall(1_500))).rejects.toThrow(LockLostError);
    const error = new Error('business');
    const failing = lock.run(async () => {
      world.clock.stall(1_500);
      throw error;
    });
    await expect(failing).rejects.toThrow(expect.objectContaining({ code: 'RU_LOCK_LOST', cause: error }));
  });

  test('rejects with the very loss that its function was told', async () => {
    let told: unknown;
    const running = lockWith().run(async (guard) => {
      world.clock.stall(1_500);
      try {
        guard.assertHeld();
      } catch (error) {
        told = error;
        throw error;
      }
    });
    await expect(running).rejects.toBe(await running.catch((error: unknown) => error));
    expect(await running.catch((error: unknown) => error)).toBe(told);
  });

  test('rejects when only the release shows that the lock was lost', async () => {
    const running = lockWith().run(async () => void world.locks.delete(KEY));
    await expect(running).rejects.toThrow(expect.objectContaining({ reason: 'expired' }));
  });

  test('refuses what is no function before anything is sent', async () => {
    await expect(lockWith().run('x' as never)).rejects.toThrow('run.fn');
    expect(world.calls).toEqual([]);
  });
});

test('a loss can be written as JSON', async () => {
  const guard = await unrenewed().acquire();
  world.clock.stall(2_000);
  const facts = JSON.parse(JSON.stringify(guard.signal.reason)) as unknown;
  expect(facts).toMatchObject({
    name: 'LockLostError',
    code: 'RU_LOCK_LOST',
    key: 'job',
    fence: '1',
    reason: 'expired',
  });
});
