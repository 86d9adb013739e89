import { describe, expect, test } from 'vitest';
import type { RedisManager } from '../../../src/client/manager.js';
import { DistributedLock, LockTimeoutError } from '../../../src/lock/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';

noLeaks();

const reentrant = (manager: RedisManager, key: string | readonly string[] = 'k'): DistributedLock =>
  new DistributedLock(manager, key, '10s', { reentrant: true });

describe('a re-entrant lock', () => {
  test('is held already by whoever runs within it, under the same fence, until the outermost is over', async () => {
    const manager = await connect();
    const others = new DistributedLock(await connect(), 'k', '10s', { prefix: manager.config.prefix });
    await reentrant(manager).run(async (outer) => {
      await reentrant(manager).run(async (inner) => {
        expect(inner.fence).toBe(outer.fence);
        const innermost = await reentrant(manager).tryAcquire();
        expect(innermost?.state).toBe('held');
        expect(await innermost?.release()).toEqual({ status: 'released' });
        expect(innermost?.state).toBe('released');
        expect(() => innermost?.assertHeld()).toThrow(expect.objectContaining({ reason: 'released' }));
      });
      expect(outer.state).toBe('held');
      expect(await others.tryAcquire()).toBeUndefined();
    });
    await (await others.acquire()).release();
  });

  test('is another one for whoever runs beside it', async () => {
    const manager = await connect();
    const lock = reentrant(manager);
    let beside: Promise<unknown> | undefined;
    const outside = async (): Promise<unknown> => lock.acquire({ timeout: 500 });
    const start = (): void => void (beside = outside().catch((error: unknown) => error));
    let run: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => (run = resolve)).then(start);
    await lock.run(async () => {
      run?.();
      await waiting;
      expect(await beside).toBeInstanceOf(LockTimeoutError);
    });
  });

  test('is another one under another key, manager or without the option', async () => {
    const [manager, other] = [await connect(), await connect()];
    await reentrant(manager).run(async () => {
      await (await reentrant(manager, 'l').acquire()).release();
      const elsewhere = new DistributedLock(other, 'k', '10s', { prefix: manager.config.prefix, reentrant: true });
      expect(await elsewhere.tryAcquire()).toBeUndefined();
      expect(await new DistributedLock(manager, 'k', '10s').tryAcquire()).toBeUndefined();
    });
  });

  test('is not given to a holder that has lost it', async () => {
    const manager = await connect();
    const lock = reentrant(manager);
    const hash = `${manager.config.prefix}:lock:{k}`;
    const running = lock.run(async (guard) => {
      await raw(['HSET', hash, 'o', 'another']);
      await guard.verify();
      await lock.acquire();
    });
    await expect(running).rejects.toMatchObject({ code: 'RU_LOCK_LOST', reason: 'stolen' });
  });

  test('is acquired anew by what goes on after the holder has released it', async () => {
    const manager = await connect();
    const lock = reentrant(manager);
    let later: (() => Promise<bigint>) | undefined;
    let go: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (go = resolve));
    let first = 0n;
    let second: Promise<bigint> | undefined;
    await lock.run(async (guard) => {
      first = guard.fence;
      later = async () => {
        await released;
        await using next = await lock.acquire();
        return next.fence;
      };
      second = later();
    });
    go?.();
    expect(await second).toBeGreaterThan(first);
  });

  test('may have several keys', async () => {
    const manager = await connect();
    await reentrant(manager, ['a', 'b']).run(async (outer) => {
      await reentrant(manager, ['b', 'a']).run(async (inner) => expect(inner.fence).toBe(outer.fence));
    });
  });
});
