import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock } from '../../../src/lock/index.js';
import { lockRun } from '../../../src/lock/calls/lock-script.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';

noLeaks();

interface Parties {
  readonly manager: RedisManager;
  /** Of two processes that listen already. */
  readonly locks: readonly [DistributedLock, DistributedLock];
  readonly hash: string;
}

async function setUp(ttl = 60_000): Promise<Parties> {
  const manager = await connect();
  const { prefix } = manager.config;
  const lock = new DistributedLock(manager, 'k', ttl);
  const other = new DistributedLock(await connect({ prefix }), 'k', ttl);
  const hash = `${prefix}:lock:{k}`;
  const locks = [lock, other] as const;
  // after this they listen, and the server knows the script
  for (const each of locks) await standsInQueue(locks, hash, each);
  return { manager, locks, hash };
}

/** Has a process stand in the queue once, which it does as soon as it listens. */
async function standsInQueue(
  [lock, other]: readonly [DistributedLock, DistributedLock],
  hash: string,
  each: DistributedLock,
): Promise<void> {
  const held = await (each === lock ? other : lock).acquire();
  const waiting = each.acquire();
  await queued(hash, 1);
  await held.release();
  await (await waiting).release();
}

async function queued(hash: string, count: number): Promise<void> {
  await eventually(async () => {
    const fields = (await raw(['HKEYS', hash])) as string[];
    expect(fields.filter((field) => field.startsWith('w'))).toHaveLength(count);
  });
}

/** A waiter of a process that has vanished: nobody hears what it is told. */
async function waitAsNobody(manager: RedisManager, hash: string): Promise<string> {
  const token = 'nobody'.padEnd(22, '-');
  const counted = manager.slotOf === undefined ? 1 : 0;
  const call = [1, 'acquire', 60_000, 60_000, '', '', token];
  await manager.script(lockRun).run([hash], [`${hash}:nobody`, counted, ...call]);
  return token;
}

describe('who waits and does not listen any more', () => {
  test.runIf(!target.cluster)('is passed over by the release itself', async () => {
    const { manager, locks, hash } = await setUp();
    const held = await locks[0].acquire();
    const dead = await waitAsNobody(manager, hash);
    const waiting = locks[1].acquire();
    await queued(hash, 2);
    await held.release();
    // nothing had to be waited for: the next one is the owner when the release is answered
    const owner = await raw(['HGET', hash, 'o']);
    expect(owner).not.toBe(dead);
    const guard = await waiting;
    expect(guard.token).toBe(owner);
    await queued(hash, 0);
    await guard.release();
  });

  test.runIf(target.cluster)(
    'holds up the others for a claim in a cluster, where listeners are not counted',
    async () => {
      const { manager, locks, hash } = await setUp();
      const held = await locks[0].acquire();
      const dead = await waitAsNobody(manager, hash);
      const waiting = locks[1].acquire();
      await queued(hash, 2);
      await held.release();
      const [owner, fence] = (await raw(['HMGET', hash, 'o', 'f'])) as [string, string];
      expect(owner).toBe(dead);
      const guard = await waiting;
      expect(guard.fence).toBeGreaterThan(BigInt(fence));
      await queued(hash, 0);
      await guard.release();
    },
  );
});

describe.runIf(target.single)('a hand-over', () => {
  const calls = async (name: string): Promise<number> => {
    const stats = (await raw(['INFO', 'commandstats'])) as string;
    return Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  };

  test('is one command and one message, and who gets the lock sends nothing', async () => {
    const { locks, hash } = await setUp();
    const held = await locks[0].acquire();
    await raw(['CONFIG', 'RESETSTAT']);
    const waiting = locks[1].acquire();
    await queued(hash, 1);
    expect(await calls('evalsha')).toBe(1);
    await held.release();
    const owner = await raw(['HGET', hash, 'o']);
    const guard = await waiting;
    // of a machine that stands still a renewal may be among them
    expect(await calls('evalsha')).toBeLessThanOrEqual(3);
    expect(await calls('publish')).toBe(1);
    expect(guard.token).toBe(owner);
    await guard.release();
    expect(await calls('publish')).toBe(1);
  });

  test('reaches the next one by its own look where the releaser may not publish', async () => {
    const { manager, locks, hash } = await setUp(1_000);
    await raw(['ACL', 'SETUSER', 'mute', 'on', '>pw', '~*', '&*', '+@all', '-publish']);
    const mute = await connect({ username: 'mute', password: 'pw', prefix: manager.config.prefix });
    const held = await new DistributedLock(mute, 'k', 1_000).acquire();
    const waiting = locks[1].acquire();
    await queued(hash, 1);
    expect(await held.release()).toEqual({ status: 'released' });
    const guard = await waiting;
    expect(guard.fence).toBeGreaterThan(held.fence);
    expect(await guard.verify()).toBe(true);
    await guard.release();
  });

  test('goes from and to a user who has no channels at all, as a new one of the server', async () => {
    const { manager, locks, hash } = await setUp();
    await raw(['ACL', 'SETUSER', 'new', 'on', '>pw', '~*', 'resetchannels', '+@all']);
    const { prefix } = manager.config;
    const lock = new DistributedLock(await connect({ username: 'new', password: 'pw', prefix }), 'k', 1_000);
    const first = await locks[0].acquire();
    const waiting = lock.acquire();
    await first.release();
    const second = await waiting;
    expect(second.fence).toBeGreaterThan(first.fence);
    const third = locks[0].acquire();
    await queued(hash, 1);
    await second.release();
    expect((await third).fence).toBeGreaterThan(second.fence);
    await (await third).release();
  });
});
