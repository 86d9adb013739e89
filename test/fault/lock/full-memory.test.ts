import { expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/manager.js';
import {
  DistributedLock,
  DistributedReadWriteLock,
  DistributedSemaphore,
  type Lockable,
} from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

interface Kind {
  readonly lock: Lockable;
  readonly queued: () => Promise<number | undefined>;
}

function lockOf(manager: RedisManager, key: string): Kind {
  const lock = new DistributedLock(manager, key, '10s');
  return { lock, queued: async () => (await lock.inspect())?.waiters.length };
}

function semaphoreOf(manager: RedisManager, key: string): Kind {
  const lock = new DistributedSemaphore(manager, key, { permits: 1, ttl: '10s' });
  return { lock, queued: async () => (await lock.inspect())?.waiters.length };
}

function writeLockOf(manager: RedisManager, key: string): Kind {
  const lock = new DistributedReadWriteLock(manager, key, '10s');
  return { lock: lock.write, queued: async () => (await lock.inspect())?.waiters.length };
}

test.each([
  ['a lock', lockOf],
  ['a permit', semaphoreOf],
  ['a write lock', writeLockOf],
])('%s that is held is prolonged, given back and handed over also where memory is full', async (_, make) => {
  const server = await RedisServer.start();
  const manager = await RedisManager.connect({ url: server.url });
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  const [{ lock, queued }, alone] = [make(manager, 'k'), make(manager, 'alone')];
  const [held, other] = [await lock.acquire(), await alone.lock.acquire()];
  const waiting = lock.acquire();
  await eventually(async () => expect(await queued()).toBe(1));
  await server.command(['CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction']);
  await held.extend('1m');
  expect(held.remainingMs).toBeGreaterThan(30_000);
  expect(await held.release()).toEqual({ status: 'released' });
  const next = await waiting;
  await next.extend();
  expect(await next.release()).toEqual({ status: 'released' });
  expect(await other.release()).toEqual({ status: 'released' });
  await expect(lock.tryAcquire()).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'OOM' });
});
