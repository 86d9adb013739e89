import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { RedisManager } from '../../../src/client/index.js';
import { DistributedLock, LeaderElector, LockQuorum, LockTimeoutError } from '../../../src/lock/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { RedisServer } from '../../support/redis-server.js';
import { target } from '../../support/target.js';

noLeaks();

/** Servers of the target where that is one server, else embedded ones. */
async function servers(count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, () => `memory://${randomBytes(6).toString('hex')}`);
  if (!target.single) return names;
  const started = await Promise.all(names.map(() => RedisServer.start()));
  return started.map(({ url }) => url);
}

/** A process of its own. The servers of this test have just been started, and have forgotten nothing. */
async function connect(urls: readonly string[]): Promise<LockQuorum> {
  const managers = await Promise.all(urls.map((url) => RedisManager.connect({ url })));
  afterThisTest(async () => void (await Promise.all(managers.map((manager) => manager.close({ drain: 1000 })))));
  return new LockQuorum(managers, { restartGuard: false, serverTimeout: '5s' });
}

async function processes(count: number): Promise<[LockQuorum, ...LockQuorum[]]> {
  const urls = await servers(3);
  const made = await Promise.all(Array.from({ length: count }, () => connect(urls)));
  return made as [LockQuorum, ...LockQuorum[]];
}

describe('a lock over a quorum', () => {
  test('is held by one process, refused to others, free after release, with fences that rise', async () => {
    const quorums = await processes(3);
    const [mine, ...others] = quorums.map(
      (quorum) => new DistributedLock(quorum, 'job', '20s', { metadata: { a: 'b' } }),
    );
    let last = 0n;
    for (let turn = 0; turn < 5; turn += 1) {
      const guard = (await mine?.acquire()) as NonNullable<Awaited<ReturnType<DistributedLock['tryAcquire']>>>;
      expect(guard.fence).toBeGreaterThan(last);
      last = guard.fence;
      for (const other of others) expect(await other.tryAcquire()).toBeUndefined();
      expect(await mine?.inspect()).toMatchObject({ fence: guard.fence, metadata: { a: 'b' }, waiters: [] });
      expect(await guard.verify()).toBe(true);
      await guard.extend('30s');
      expect(guard.remainingMs).toBeGreaterThan(20_000);
      expect(await guard.release()).toEqual({ status: 'released' });
    }
    expect(await mine?.inspect()).toBeUndefined();
  });

  test('protects what many change at the same time', async () => {
    const quorums = await processes(4);
    const locks = quorums.map((quorum) => new DistributedLock(quorum, 'counter', '20s'));
    let counter = 0;
    const fences: bigint[] = [];
    const count = async (lock: DistributedLock): Promise<void> => {
      for (let turn = 0; turn < 5; turn += 1) {
        await lock.run(
          async ({ fence }) => {
            const before = counter;
            await new Promise((resolve) => setImmediate(resolve));
            counter = before + 1;
            fences.push(fence);
          },
          { timeout: '60s' },
        );
      }
    };
    await Promise.all(locks.map(count));
    expect(counter).toBe(20);
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => (a < b ? -1 : 1)));
  }, 60_000);

  test('is taken away by force, and its wait ends in time', async () => {
    const [quorum] = await processes(1);
    const lock = new DistributedLock(quorum, 'job', '20s');
    const guard = await lock.acquire();
    await expect(lock.acquire({ timeout: 1_000 })).rejects.toThrow(LockTimeoutError);
    expect(await lock.forceRelease({ reason: 'stuck' })).toBe(true);
    expect(await guard.verify()).toBe(false);
    await (await lock.acquire()).release();
  });

  test('is one of several keys that are held together, under one fence', async () => {
    const [quorum] = await processes(1);
    const both = new DistributedLock(quorum, ['a', 'b'], '20s');
    await (await new DistributedLock(quorum, 'b', '20s').acquire()).release();
    const guard = await both.acquire();
    expect(await new DistributedLock(quorum, 'a', '20s').inspect()).toMatchObject({ fence: guard.fence });
    expect(await new DistributedLock(quorum, 'b', '20s').inspect()).toMatchObject({ fence: guard.fence });
    expect(await guard.release()).toEqual({ status: 'released' });
  });
});

test('leaders are elected by a quorum, and observed by majority', async () => {
  const quorums = await processes(3);
  const electors = quorums.map(
    (quorum, index) => new LeaderElector(quorum, 'office', { metadata: { name: `${index}` } }),
  );
  for (const elector of electors) afterThisTest(() => elector.stop());
  const [first, second, observer] = electors as [LeaderElector, LeaderElector, LeaderElector];
  const seen: (string | undefined)[] = [];
  const observed = (async () => {
    for await (const leader of observer.observe({ interval: 20 })) seen.push(leader?.metadata['name']);
  })();
  first.start();
  await eventually(() => expect(seen.at(-1)).toBe('0'));
  second.start();
  await first.stop();
  await eventually(() => expect(seen.at(-1)).toBe('1'));
  expect(second.term).toBeGreaterThan(first.term);
  await second.stop();
  await eventually(() => expect(seen.at(-1)).toBeUndefined());
  await observer.stop();
  await observed;
});
