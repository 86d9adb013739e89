import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { DistributedReadWriteLock, type LockGuard, type ReadWriteLockOptions } from '../../../src/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw, target } from '../../support/target.js';
import { serverMs } from './server-clock.js';

noLeaks();

interface Parties {
  readonly managers: readonly RedisManager[];
  readonly all: readonly DistributedReadWriteLock[];
  readonly one: DistributedReadWriteLock;
  readonly other: DistributedReadWriteLock;
  readonly hash: string;
}

/** So many processes that share one lock. */
async function setUp(ttl = 10_000, options: ReadWriteLockOptions = {}, processes = 2): Promise<Parties> {
  const managers: RedisManager[] = [];
  for (let n = 0; n < processes; n += 1) managers.push(await connect());
  const prefix = managers[0]?.config.prefix ?? '';
  const all = managers.map((manager) => new DistributedReadWriteLock(manager, 'k', ttl, { ...options, prefix }));
  const [one, other] = all as [DistributedReadWriteLock, DistributedReadWriteLock];
  return { managers, all, one, other, hash: `${prefix}:rwlock:{k}` };
}

const queued = async (lock: DistributedReadWriteLock, count: number): Promise<void> =>
  eventually(async () => expect((await lock.inspect())?.waiters ?? []).toHaveLength(count));

const releaseAll = (guards: readonly (LockGuard | undefined)[]): Promise<unknown> =>
  Promise.all(guards.map((guard) => guard?.release()));

/** Whether a promise has settled. */
function watch(promise: Promise<unknown>): { isSettled: boolean } {
  const seen = { isSettled: false };
  void promise.finally(() => (seen.isSettled = true));
  return seen;
}

describe('a read-write lock', () => {
  test('is held by many who read or one who writes', async () => {
    const { one, other } = await setUp();
    const readers = [await one.read.acquire(), await one.read.acquire(), await other.read.acquire()];
    expect(await other.write.tryAcquire()).toBeUndefined();
    expect(await one.inspect()).toMatchObject({ mode: 'read', holders: [{ weight: 1 }, {}, {}], waiters: [] });
    await releaseAll(readers);
    const writer = await other.write.tryAcquire();
    expect(writer?.fence).toBeGreaterThan(readers[2]?.fence ?? 0n);
    expect(await one.inspect()).toMatchObject({ mode: 'write', holders: [{ weight: 1 }] });
    expect(await one.read.tryAcquire()).toBeUndefined();
    expect(await one.write.tryAcquire()).toBeUndefined();
    expect(await writer?.release()).toEqual({ status: 'released' });
    expect(await one.inspect()).toBeUndefined();
  });

  test('is no other lock of the same key', async () => {
    const { managers, one } = await setUp();
    const [manager] = managers as [RedisManager];
    const writer = await one.write.acquire();
    const elsewhere = await new DistributedReadWriteLock(manager, 'k2', '1s').write.tryAcquire();
    expect(elsewhere?.state).toBe('held');
    await releaseAll([writer, elsewhere]);
  });

  test('runs functions on either side', async () => {
    const { one, other } = await setUp();
    const seen = await one.read.run(async () => other.read.run(async () => (await one.inspect())?.holders.length));
    expect(seen).toBe(2);
    expect(await one.write.run(async (guard) => guard.verify())).toBe(true);
  });
});

describe('phases', () => {
  test('readers who come while a writer waits wait behind it', async () => {
    const { one, other } = await setUp();
    const reader = await one.read.acquire();
    const writer = other.write.acquire();
    await queued(one, 1);
    expect(await one.read.tryAcquire()).toBeUndefined();
    const late = one.read.acquire();
    await queued(one, 2);
    await reader.release();
    const writing = await writer;
    await queued(one, 1);
    await writing.release();
    await (await late).release();
  });

  test('after a writer come all readers who wait, wherever they stand, and then the next writer', async () => {
    const { one, other } = await setUp();
    const first = await one.write.acquire();
    const kinds = ['write', 'read', 'write', 'read', 'read'] as const;
    const waiting = [];
    for (const [n, kind] of kinds.entries()) {
      waiting.push((n % 2 === 0 ? one : other)[kind].acquire());
      await queued(one, n + 1);
    }
    const [second, readerA, third, readerB, readerC] = waiting as [
      Promise<LockGuard>,
      Promise<LockGuard>,
      Promise<LockGuard>,
      Promise<LockGuard>,
      Promise<LockGuard>,
    ];
    await first.release();
    const readers = await Promise.all([readerA, readerB, readerC]);
    expect((await one.inspect())?.waiters).toMatchObject([{ mode: 'write' }, { mode: 'write' }]);
    const late = other.read.acquire();
    await queued(one, 3);
    await releaseAll(readers.slice(1));
    await queued(one, 3);
    await readers[0]?.release();
    const writing = await second;
    const seen = watch(third);
    await writing.release();
    const reading = await late;
    expect(await reading.verify()).toBe(true);
    expect(seen.isSettled).toBe(false);
    await reading.release();
    await (await third).release();
  });

  test('a writer who gives up lets the readers behind it go on', async () => {
    const { one, other } = await setUp();
    const reader = await one.read.acquire();
    const stop = new AbortController();
    const ended = expect(other.write.acquire({ signal: stop.signal })).rejects.toThrow('enough');
    await queued(one, 1);
    const late = [one.read.acquire(), other.read.acquire()];
    await queued(one, 3);
    stop.abort(new Error('enough'));
    await ended;
    const readers = await Promise.all(late);
    expect(reader.state).toBe('held');
    await releaseAll([reader, ...readers]);
  });

  test('neither readers nor writers starve, however many there are', async () => {
    const { all } = await setUp(10_000, {}, 3);
    let readers = 0;
    let writers = 0;
    const done = { read: 0, write: 0 };
    const reading = async (lock: DistributedReadWriteLock): Promise<void> => {
      await lock.read.run(
        async (guard) => {
          readers += 1;
          expect(writers).toBe(0);
          await guard.verify();
          readers -= 1;
          done.read += 1;
        },
        { timeout: '60s' },
      );
    };
    const writing = async (lock: DistributedReadWriteLock): Promise<void> => {
      await lock.write.run(
        async (guard) => {
          writers += 1;
          expect([readers, writers]).toEqual([0, 1]);
          await guard.verify();
          writers -= 1;
          done.write += 1;
        },
        { timeout: '60s' },
      );
    };
    // readers without a pause, so that there is always one, until every writer has had its turns
    let stillWriting = true;
    const endless = [...all, ...all].map(async (lock) => {
      do await reading(lock);
      while (stillWriting);
    });
    await Promise.all(
      all.map(async (lock) => {
        for (let turn = 0; turn < 5; turn += 1) await writing(lock);
      }),
    );
    stillWriting = false;
    await Promise.all(endless);
    expect(done.write).toBe(15);
    // and while writers never paused, readers had a phase after each of them
    let stillReading = true;
    const steady = [...all, ...all].map(async (lock) => {
      do await writing(lock);
      while (stillReading);
    });
    const before = done.read;
    await Promise.all(
      all.map(async (lock) => {
        for (let turn = 0; turn < 5; turn += 1) await reading(lock);
      }),
    );
    stillReading = false;
    await Promise.all(steady);
    expect(done.read - before).toBe(15);
  });

  test('are not kept by order barge, which reads past a writer who waits', async () => {
    const { managers, one, other } = await setUp();
    const [manager] = managers as [RedisManager];
    const { prefix } = manager.config;
    const barging = new DistributedReadWriteLock(manager, 'k', '10s', { order: 'barge', prefix });
    const reader = await one.read.acquire();
    const writer = other.write.acquire();
    await queued(one, 1);
    const second = await barging.read.tryAcquire();
    expect(second?.state).toBe('held');
    await releaseAll([reader, second]);
    await (await writer).release();
  });
});

describe('a holder that has vanished', () => {
  const vanished = (end: number): string => `${end} 1 5 nowhere `;

  test('and only read keeps a writer out until its own lease ends, whoever else goes on reading', async () => {
    const { one, other, hash } = await setUp();
    const lives = await one.read.acquire();
    const end = (await serverMs()) + 400;
    await raw(['HSET', hash, 'ogone', vanished(end), 'u', '2', 'e', String(end)]);
    const writer = other.write.acquire();
    await queued(one, 1);
    await eventually(async () => expect(await serverMs()).toBeGreaterThan(end));
    await lives.extend('1m');
    const seen = watch(writer);
    expect((await one.inspect())?.holders).toHaveLength(1);
    expect(await lives.verify()).toBe(true);
    expect(seen.isSettled).toBe(false);
    await lives.release();
    const writing = await writer;
    expect(await raw(['HEXISTS', hash, 'ogone'])).toBe(0);
    await writing.release();
  });

  test('and wrote lets all readers in when its lease ends', async () => {
    const { one, other, hash } = await setUp();
    const end = (await serverMs()) + 300;
    await raw(['HSET', hash, 'ogone', vanished(end), 'u', '1', 'p', 'w', 'f', '5', 'x', String(end), 'e', String(end)]);
    await raw(['PEXPIRE', hash, 60_000]);
    const readers = await Promise.all([one.read.acquire(), other.read.acquire(), one.read.acquire()]);
    expect(await serverMs()).toBeGreaterThanOrEqual(end);
    expect((await one.inspect())?.holders).toHaveLength(3);
    await releaseAll(readers);
  });

  test('is told that it was followed by a writer, or else that it has expired', async () => {
    const { one, other, hash } = await setUp();
    const lose = async (guard: LockGuard): Promise<void> => {
      await raw(['HDEL', hash, `o${guard.token}`]);
      await raw(['HSET', hash, 'u', '0']);
    };
    const reader = await one.read.acquire();
    await lose(reader);
    const writer = await other.write.acquire();
    expect(await reader.release()).toEqual({ status: 'stolen' });
    expect(await writer.verify()).toBe(true);
    await lose(writer);
    const again = await one.read.acquire();
    expect(await writer.verify()).toBe(false);
    expect(await writer.release()).toEqual({ status: 'expired' });
    expect(await again.release()).toEqual({ status: 'released' });
  });
});

test('force takes it from all who read, tells each, and gives it to the writer who waits', async () => {
  const { one, other } = await setUp();
  const readers = [await one.read.acquire(), await other.read.acquire()];
  const signals = readers.map(({ signal }) => signal);
  const told: unknown[] = [];
  one.read.on('lost', ({ reason }) => told.push(reason));
  const writer = one.write.acquire();
  await queued(other, 1);
  expect(await other.forceRelease({ reason: 'deploy' })).toBe(true);
  const writing = await writer;
  await eventually(() => expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]));
  expect(told).toEqual(['forced']);
  expect(await readers[0]?.release()).toEqual({ status: 'stolen' });
  expect(await writing.verify()).toBe(true);
  await writing.release();
});

test.runIf(target.single)(
  'a message goes to each who gets it, and two processes that wait learn until when',
  async () => {
    const { managers, all, one } = await setUp(10_000, {}, 4);
    const heard: string[] = [];
    const sink = {
      onMessage: ({ channel, payload }: { channel: string; payload: Buffer }) =>
        void heard.push(`${channel} ${String(payload)}`),
      onLost() {},
      onRestored() {},
      onFailed() {},
    };
    const writer = await one.write.acquire();
    const waiting: Promise<LockGuard>[] = [];
    for (const kind of ['read', 'write'] as const) {
      for (const lock of all) {
        waiting.push(lock[kind].acquire());
        await queued(one, waiting.length);
      }
    }
    await managers[0]?.subscriber.subscribe({ kind: 'pattern', name: '*:lock:inbox:*' }, sink);
    await writer.release();
    const readers = await Promise.all(waiting.slice(0, 4));
    await eventually(() => expect(heard).toHaveLength(6));
    const [grants, others] = [heard.slice(0, 4), heard.slice(4)];
    expect(grants.map((text) => text.split(' ').slice(1, 4).join(' '))).toEqual(
      readers.map(({ token, fence }) => `g ${token} ${fence}`),
    );
    for (const text of others) expect(text).toMatch(/^\S+ l \d+ \d+ 0 \S+:rwlock:\{k\}$/);
    expect(new Set(others.map((text) => text.split(' ')[0])).size).toBe(2);
    await releaseAll(readers);
    for (const next of waiting.slice(4)) await (await next).release();
  },
);
