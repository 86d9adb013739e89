import { expect, test } from 'vitest';
import { DistributedReadWriteLock, DistributedSemaphore, LockQuorum } from '../../../src/lock/index.js';
import { World } from './world.js';

const manager = new World().manager;

test.each([
  [{ permits: 0, ttl: '1s' }, 'semaphore.permits'],
  [{ permits: 1.5, ttl: '1s' }, 'semaphore.permits'],
  [{ permits: 1_000_000_001, ttl: '1s' }, 'semaphore.permits'],
  [{ permits: 2 }, 'semaphore.ttl'],
  [{ permits: 2, ttl: 1 }, 'semaphore.ttl'],
  [{ permits: 2, ttl: '1s', reentrant: true }, 'semaphore.reentrant'],
  [{ permits: 2, ttl: '1s', deadlocks: true }, 'semaphore.deadlocks'],
  [{ permits: 2, ttl: '1s', order: 'lifo' }, 'lock.order'],
])('a semaphore cannot be made with %o', (options, path) => {
  expect(() => new DistributedSemaphore(manager, 'k', options as never)).toThrow(path);
});

test('neither kind has an empty key', () => {
  expect(() => new DistributedSemaphore(manager, '', { permits: 1, ttl: '1s' })).toThrow('semaphore.key');
  expect(() => new DistributedReadWriteLock(manager, '', '1s')).toThrow('rwlock.key');
});

test.each([
  [{ reentrant: true }, 'rwlock.reentrant'],
  [{ deadlocks: true }, 'rwlock.deadlocks'],
  [{ permits: 1 }, 'rwlock.permits'],
])('a read-write lock cannot be made with %o', (options, path) => {
  expect(() => new DistributedReadWriteLock(manager, 'k', '1s', options as never)).toThrow(path);
});

test.each([3, 0, 1.5, -1, '1'])('a weight of %o of two permits is a configuration error', async (weight) => {
  const semaphore = new DistributedSemaphore(manager, 'k', { permits: 2, ttl: '1s' });
  const options = { weight: weight as number };
  await expect(semaphore.acquire(options)).rejects.toThrow('acquire.weight');
  await expect(semaphore.tryAcquire(options)).rejects.toThrow('acquire.weight');
  await expect(semaphore.run(() => 1, options)).rejects.toThrow('acquire.weight');
});

test('a weight is for semaphores alone', async () => {
  const lock = new DistributedReadWriteLock(manager, 'k', '1s');
  await expect(lock.read.acquire({ weight: 2 } as never)).rejects.toThrow('acquire.weight');
});

test('neither kind is given by a quorum, whose majorities cannot count', () => {
  const quorum = new LockQuorum(['a', 'b', 'c'].map((name) => new World({ name }).manager)) as never;
  const semaphore = (): unknown => new DistributedSemaphore(quorum, 'k', { permits: 2, ttl: '1s' });
  expect(semaphore).toThrow('semaphore.manager');
  expect(() => new DistributedReadWriteLock(quorum, 'k', '1s')).toThrow('rwlock.manager');
});
