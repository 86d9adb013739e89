import { describe, expectTypeOf, it } from 'vitest';
import type { RedisManager } from '../../src/client/index.js';
import {
  DistributedLock,
  DistributedReadWriteLock,
  DistributedSemaphore,
  type Lockable,
  type LockGuard,
  type LockQuorum,
} from '../../src/lock/index.js';

declare const manager: RedisManager;
declare const quorum: LockQuorum;
declare const guard: LockGuard;

/** Never called: its body is for the type checker. */
function calls(): void {
  const lock = new DistributedLock(quorum, 'k', '1s');
  const semaphore = new DistributedSemaphore(manager, 'k', { permits: 2, ttl: '1s', order: 'barge' });
  const pair = new DistributedReadWriteLock(manager, 'k', '1s', { renew: false });
  expectTypeOf(pair.read).toEqualTypeOf<Lockable>();
  for (const one of [lock, pair.read, pair.write] satisfies Lockable[]) {
    expectTypeOf(one.acquire()).resolves.toEqualTypeOf<LockGuard>();
    expectTypeOf(one.tryAcquire({ timeout: 5 })).resolves.toEqualTypeOf<LockGuard | undefined>();
    expectTypeOf(one.run(() => 5)).resolves.toEqualTypeOf<number>();
    void one.release(guard);
    // @ts-expect-error: a weight is for semaphores
    void one.acquire({ weight: 2 });
  }
  expectTypeOf(semaphore.acquire({ weight: 2 })).resolves.toEqualTypeOf<LockGuard>();
  expectTypeOf(semaphore.run(async () => 'x', { weight: 2, timeout: '1s' })).resolves.toEqualTypeOf<string>();
  // @ts-expect-error: majorities cannot count
  void new DistributedSemaphore(quorum, 'k', { permits: 2, ttl: '1s' });
  // @ts-expect-error: majorities cannot count
  void new DistributedReadWriteLock(quorum, 'k', '1s');
  // @ts-expect-error: permits are needed
  void new DistributedSemaphore(manager, 'k', { ttl: '1s' });
  // @ts-expect-error: a reader that asks again is another reader
  void new DistributedReadWriteLock(manager, 'k', '1s', { reentrant: true });
}

describe('locks', () => {
  it('have one shape, and semaphores take weights', () => {
    expectTypeOf(calls).toBeFunction();
  });
});
