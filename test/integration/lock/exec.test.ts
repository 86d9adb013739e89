import { describe, expect, test } from 'vitest';
import { DistributedLock, type FencedTransaction } from '../../../src/lock/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, raw } from '../../support/target.js';

noLeaks();

/** A lock and keys of its slot. */
async function setUp(ttl = 10_000): Promise<{ lock: DistributedLock; hash: string; keyOf: (name: string) => string }> {
  const manager = await connect();
  const { prefix } = manager.config;
  return {
    lock: new DistributedLock(manager, 'account{7}', ttl),
    hash: `${prefix}:lock:~account{7}`,
    keyOf: (name) => `${prefix}:${name}:{7}`,
  };
}

describe('writes through a guard', () => {
  test('run in their order while it is held, and give their replies', async () => {
    const { lock, keyOf } = await setUp();
    await using guard = await lock.acquire();
    const [balance, log] = [keyOf('balance'), keyOf('log')];
    const replies = await guard.exec((tx) => {
      tx.queue(['SET', balance, '5', 'PX', 60_000]);
      tx.queue(['INCRBY', balance, 37]);
      tx.queue(['GET', keyOf('nothing')]);
      tx.queue(['RPUSH', log, 'a b', Buffer.from('ü')]);
      tx.queue(['PEXPIRE', log, 60_000]);
      tx.queue(['MGET', balance, keyOf('nothing')]);
    });
    expect(replies).toEqual(['OK', 42, null, 2, 1, ['42', null]]);
    expect(await raw(['GET', balance])).toBe('42');
  });

  test('of nothing tell whether it is held', async () => {
    const { lock } = await setUp();
    await using guard = await lock.acquire();
    expect(await guard.exec(() => {})).toEqual([]);
  });

  test('are not done once another holds the lock, which the holder learns thereby', async () => {
    const { lock, hash, keyOf } = await setUp();
    const guard = await lock.acquire();
    await raw(['HSET', hash, 'o', 'another']);
    const writing = guard.exec((tx) => tx.queue(['SET', keyOf('balance'), 'late', 'PX', 60_000]));
    await expect(writing).rejects.toMatchObject({ code: 'RU_LOCK_LOST', reason: 'stolen' });
    expect(await raw(['EXISTS', keyOf('balance')])).toBe(0);
    expect(guard.state).toBe('lost');
  });

  test('are not done once the lease has ended by the server, whatever this side believes', async () => {
    const { lock, hash, keyOf } = await setUp();
    const guard = await lock.acquire();
    await raw(['HSET', hash, 'x', '1']);
    expect(guard.state).toBe('held');
    const writing = guard.exec((tx) => tx.queue(['SET', keyOf('balance'), 'late', 'PX', 60_000]));
    await expect(writing).rejects.toMatchObject({ code: 'RU_LOCK_LOST', reason: 'expired' });
    expect(await raw(['EXISTS', keyOf('balance')])).toBe(0);
  });

  test('stop at the first that fails, which is what the call rejects with', async () => {
    const { lock, keyOf } = await setUp();
    await using guard = await lock.acquire();
    const writing = guard.exec((tx) => {
      tx.queue(['SET', keyOf('a'), 'text', 'PX', 60_000]);
      tx.queue(['INCR', keyOf('a')]);
      tx.queue(['SET', keyOf('b'), 'never', 'PX', 60_000]);
    });
    await expect(writing).rejects.toMatchObject({ code: 'RU_SERVER', replyCode: 'ERR' });
    expect(await raw(['GET', keyOf('a')])).toBe('text');
    expect(await raw(['EXISTS', keyOf('b')])).toBe(0);
    expect(guard.state).toBe('held');
  });

  test('are refused before anything is sent: what cannot run in a script, a queue that is over, no function', async () => {
    const { lock } = await setUp();
    await using guard = await lock.acquire();
    await expect(guard.exec((tx) => tx.queue(['SUBSCRIBE', 'c']))).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(guard.exec((tx) => tx.queue([]))).rejects.toMatchObject({ code: 'RU_CONFIG' });
    await expect(guard.exec(undefined as never)).rejects.toMatchObject({ code: 'RU_CONFIG' });
    let late: FencedTransaction | undefined;
    await guard.exec((tx) => (late = tx));
    expect(() => late?.queue(['SET', 'a', 'b'])).toThrow(expect.objectContaining({ code: 'RU_CLOSED' }));
  });

  test('after the release are refused without being sent', async () => {
    const { lock, keyOf } = await setUp();
    const guard = await lock.acquire();
    await guard.release();
    const writing = guard.exec((tx) => tx.queue(['SET', keyOf('a'), 'late']));
    await expect(writing).rejects.toMatchObject({ code: 'RU_LOCK_LOST', reason: 'released' });
  });
});
