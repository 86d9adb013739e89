import { describe, expect, test } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';

noLeaks();

const replicas = { count: 1, timeout: 500 };

interface Pair {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
}

async function pair(): Promise<Pair> {
  const primary = await RedisServer.start({ port: true, args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await RedisServer.start({ port: true });
  await replica.command(['REPLICAOF', '127.0.0.1', primary.port]);
  await eventually(async () => expect(await replica.command(['INFO', 'replication'])).toMatch(/link_status:up/));
  await primary.command(['SET', 'first', '1', 'PX', 60_000]);
  await eventually(async () => expect(await confirmedBy(primary)).toBe(true));
  return { primary, replica };
}

/** A replica that is online confirms for the first time within a second; from then on when it is asked. */
async function confirmedBy(primary: RedisServer): Promise<boolean> {
  const info = await primary.command<string>(['INFO', 'replication']);
  const [, offset] = /^master_repl_offset:(\d+)/m.exec(info) ?? [];
  return new RegExp(`state=online,offset=${offset},`).test(info);
}

async function connect(server: RedisServer): Promise<RedisManager> {
  const manager = await RedisManager.connect(server.url);
  afterThisTest(async () => void (await manager.close({ drain: 200 })));
  return manager;
}

const ownerAt = (server: RedisServer): Promise<unknown> => server.command(['HGET', 'ru:lock:{k}', 'o']);

describe('a lock that is to be known by a replica', () => {
  test('is there when it is granted', async () => {
    const { primary, replica } = await pair();
    const lock = new DistributedLock(await connect(primary), 'k', '10s', { replicas });
    await using guard = await lock.acquire();
    expect(await ownerAt(replica)).toBe(guard.token);
    expect(await lock.tryAcquire()).toBeUndefined();
  });

  test('is there when it was handed over', async () => {
    const { primary, replica } = await pair();
    const first = await new DistributedLock(await connect(primary), 'k', '10s').acquire();
    const lock = new DistributedLock(await connect(primary), 'k', '10s', { replicas });
    const waiting = lock.acquire();
    await eventually(async () => expect((await lock.inspect())?.waiters).toHaveLength(1));
    await first.release();
    await using guard = await waiting;
    expect(await ownerAt(replica)).toBe(guard.token);
    expect(guard.remainingMs).toBeGreaterThan(5_000);
  });

  test('is not granted without that replica, and nothing is left held', async () => {
    const { primary, replica } = await pair();
    replica.pause();
    const lock = new DistributedLock(await connect(primary), 'k', '10s', { replicas });
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'RU_LOCK_REPLICATION', wanted: 1, acknowledged: 0 });
    await eventually(async () => expect(await ownerAt(primary)).toBe(''));
    replica.resume();
    await eventually(async () => (await lock.acquire()).release());
  });

  test('is lost when the replica does not hear of its renewals', async () => {
    const { primary, replica } = await pair();
    const lock = new DistributedLock(await connect(primary), 'k', '1500ms', { replicas: { count: 1, timeout: 100 } });
    const guard = await lock.acquire();
    const { signal } = guard;
    replica.pause();
    await eventually(() => expect(signal.aborted).toBe(true));
    expect(signal.reason).toMatchObject({ code: 'RU_LOCK_LOST', reason: 'renewal-timeout' });
    replica.resume();
  });
});

test.each([
  [{ count: 0, timeout: 100 }, 'lock.replicas.count'],
  [{ count: 1 }, 'lock.replicas.timeout'],
  [{ count: 1, timeout: '2m' }, 'lock.replicas.timeout'],
  [{ count: 1, timeout: 100, all: true }, 'lock.replicas.all'],
])('replicas: %o is refused', async (wrong, path) => {
  const manager = await connect(await RedisServer.start());
  expect(() => new DistributedLock(manager, 'k', '10s', { replicas: wrong as never })).toThrow(path);
});
