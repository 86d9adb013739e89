import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock, type LockOptions } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';
import { serverMs } from './server-clock.js';

noLeaks();

interface Parties {
  readonly managers: readonly RedisManager[];
  readonly locks: readonly DistributedLock[];
  readonly hash: string;
}

/** So many processes that want one lock. */
async function setUp(count: number, ttl = 10_000, options: LockOptions = {}): Promise<Parties> {
  const managers: RedisManager[] = [];
  for (let n = 0; n < count; n += 1) managers.push(await connect());
  const prefix = managers[0]?.config.prefix ?? '';
  const locks = managers.map((manager) => new DistributedLock(manager, 'k', ttl, { ...options, prefix }));
  return { managers, locks, hash: `${prefix}:lock:{k}` };
}

const first = <T>(of: readonly T[]): T => of[0] as T;
const waiters = async (lock: DistributedLock): Promise<number> => (await lock.inspect())?.waiters.length ?? 0;
const queued = async (lock: DistributedLock, count: number): Promise<void> =>
  eventually(async () => expect(await waiters(lock)).toBe(count));

/** What of the queue is in the hash. */
async function queueFields(hash: string): Promise<string[]> {
  const fields = (await raw(['HKEYS', hash])) as string[];
  return fields.filter((field) => /^(?:[ht]|w\d+|q.+)$/.test(field));
}

describe('those who wait', () => {
  test('get the lock in the order in which they came, over all processes', async () => {
    const { locks, hash } = await setUp(5);
    const held = await first(locks).acquire();
    const order: number[] = [];
    const turns: Promise<void>[] = [];
    for (const [n, lock] of [...locks, ...locks].entries()) {
      turns.push(lock.run(async () => void order.push(n)));
      await queued(lock, n + 1);
    }
    await held.release();
    await Promise.all(turns);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await queueFields(hash)).toEqual([]);
    expect(await raw(['HGET', hash, 'o'])).toBe('');
    expect(Number(await raw(['PTTL', hash]))).toBeGreaterThan(3_600_000);
  });

  test('leave the queue when their time is over, and when their signal aborts', async () => {
    const { locks, hash } = await setUp(3);
    const held = await first(locks).acquire();
    const stop = new AbortController();
    const ends = Promise.allSettled([
      locks[1]?.acquire({ timeout: 2_000 }),
      locks[2]?.acquire({ signal: stop.signal }),
    ]);
    await queued(first(locks), 2);
    stop.abort(new Error('enough'));
    expect(await ends).toMatchObject([{ reason: { code: 'RU_LOCK_TIMEOUT' } }, { reason: { message: 'enough' } }]);
    await eventually(async () => expect((await queueFields(hash)).filter((field) => /^[wq]/.test(field))).toEqual([]));
    expect(await held.release()).toEqual({ status: 'released' });
    await (await first(locks).acquire()).release();
    expect(await queueFields(hash)).toEqual([]);
  });

  test('are not overtaken by tryAcquire, nor by who comes when the lease has ended', async () => {
    const { locks, hash } = await setUp(3, 10_000);
    const held = await first(locks).acquire();
    const waiting = locks[1]?.acquire();
    await queued(first(locks), 1);
    await raw(['HSET', hash, 'x', '1']);
    expect(await locks[2]?.tryAcquire()).toBeUndefined();
    const next = await waiting;
    expect(next?.fence).toBeGreaterThan(held.fence);
    expect(await next?.verify()).toBe(true);
    await next?.release();
    expect(await held.release()).toMatchObject({ status: 'expired' });
  });

  test('get it when the lease of a holder ends that has vanished', async () => {
    const { locks, hash } = await setUp(2);
    await raw(['HSET', hash, 'o', 'vanished', 'f', '5', 'x', String((await serverMs()) + 300)]);
    const guards = await Promise.all(locks.map((lock) => lock.run(async ({ fence }) => fence)));
    expect(new Set(guards).size).toBe(2);
  });

  test('bring their metadata and their ttl', async () => {
    const { locks, hash } = await setUp(2, 60_000, { metadata: { role: 'next one' } });
    const held = await first(locks).acquire();
    const waiting = locks[1]?.acquire();
    await queued(first(locks), 1);
    expect((await first(locks).inspect())?.waiters).toMatchObject([{ metadata: { role: 'next one' } }]);
    await held.release();
    const next = await waiting;
    expect(await raw(['HGET', hash, 'm'])).toBe('{"role":"next one"}');
    await next?.extend();
    expect(next?.remainingMs).toBeGreaterThan(50_000);
    await next?.release();
  });

  test('look for themselves after a FLUSHALL', async () => {
    const { locks, hash } = await setUp(2, 1_000);
    const held = await first(locks).acquire();
    const waiting = locks[1]?.acquire();
    await queued(first(locks), 1);
    // other files share the servers of a cluster
    await raw(target.single ? ['FLUSHALL'] : ['DEL', hash]);
    const next = await waiting;
    expect(next?.state).toBe('held');
    expect(await next?.release()).toEqual({ status: 'released' });
    expect(['expired', 'stolen']).toContain((await held.release()).status);
  });

  test('end at once when their manager closes', async () => {
    const { locks, managers } = await setUp(2);
    const held = await first(locks).acquire();
    const waiting = locks[1]?.acquire();
    const ended = expect(waiting).rejects.toMatchObject({ code: 'RU_CLOSED' });
    await queued(first(locks), 1);
    await managers[1]?.close();
    await ended;
    await queued(first(locks), 0);
    await held.release();
  });

  test('may be many in one process', async () => {
    const { locks } = await setUp(1);
    let inside = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      await first(locks).run(
        async () => {
          inside += 1;
          expect(inside).toBe(1);
          await Promise.resolve();
          inside -= 1;
          done += 1;
        },
        { timeout: '60s' },
      );
    };
    await Promise.all(Array.from({ length: 150 }, work));
    expect(done).toBe(150);
  });
});

describe.runIf(target.single)('a message', () => {
  const killListeners = (): Promise<unknown> => raw(['CLIENT', 'KILL', 'TYPE', 'pubsub']);

  test('that got lost is made up for: after the connection is back everybody looks', async () => {
    const { locks } = await setUp(3);
    const held = await first(locks).acquire();
    const waiting = [locks[1]?.acquire(), locks[2]?.acquire()];
    await queued(first(locks), 2);
    await killListeners();
    // nobody listens at this moment: nobody can be told
    await held.release();
    const next = await Promise.race(waiting);
    expect(next?.state).toBe('held');
    await next?.release();
    for (const guard of await Promise.all(waiting)) await guard?.release();
  });

  test('goes to the one whose turn it is; the next one learns until when, and nobody else anything', async () => {
    const { locks, managers } = await setUp(4);
    const heard: string[] = [];
    const sink = {
      onMessage: ({ payload }: { payload: Buffer }) => void heard.push(String(payload)),
      onLost() {},
      onRestored() {},
      onFailed() {},
    };
    await managers[0]?.subscriber.subscribe({ kind: 'pattern', name: '*:lock:inbox:*' }, sink);
    const held = await first(locks).acquire();
    const waiting = locks[1]?.acquire();
    await queued(first(locks), 1);
    const others = [];
    for (const [n, lock] of locks.slice(2).entries()) {
      others.push(lock.run(async () => {}));
      await queued(first(locks), n + 2);
    }
    expect(heard).toEqual([]);
    await held.release();
    const next = await waiting;
    await eventually(() => expect(heard).toHaveLength(2));
    expect(heard[0]).toMatch(new RegExp(`^g ${next?.token} ${next?.fence} \\d+ \\d+$`));
    expect(heard[1]).toMatch(/^l \d+ \d+ 0 \S+:lock:\{k\}$/);
    await next?.release();
    await Promise.all(others);
  });

  test('is not needed where it is not allowed: the lock is got by asking again', async () => {
    const { locks, managers } = await setUp(1);
    await raw(['ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', '&*', '+@all', '-subscribe']);
    const deaf = await connect({ username: 'deaf', password: 'pw', prefix: managers[0]?.config.prefix ?? '' });
    const errors: unknown[] = [];
    deaf.on('error', (error) => errors.push(error));
    const held = await first(locks).acquire();
    const waiting = new DistributedLock(deaf, 'k', '10s').acquire();
    await eventually(() => expect(errors).toMatchObject([{ source: 'lock.inbox', error: { replyCode: 'NOPERM' } }]));
    expect(await waiters(first(locks))).toBe(0);
    await held.release();
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(held.fence);
    await next.release();
  });
});
