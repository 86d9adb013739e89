import { describe, expect, it } from 'vitest';

import type { RedisManager, Transaction } from '../../../src/client/index.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, target, uniquePrefix } from '../../support/target.js';

noLeaks();
const key = (name: string): string => `${uniquePrefix()}:{t}:${name}`;

async function increment(manager: RedisManager, k: string, attempts?: number): Promise<boolean> {
  const result = await manager.transaction(
    [k],
    async (tx) => {
      const value = Number((await tx.command<string | null>(['GET', k])) ?? 0);
      tx.queue(['SET', k, value + 1, 'PX', 60_000]);
    },
    { attempts },
  );
  return result.committed;
}

describe('transaction', () => {
  it('reads, then writes all together, and gives the results and what the function returned', async () => {
    const manager = await connect();
    const [a, b] = [key('a'), key('b')];
    await manager.command(['SET', a, '5', 'PX', 60_000]);
    const result = await manager.transaction([a, b], async (tx) => {
      const [five, none] = await Promise.all([tx.command(['GET', a]), tx.command(['GET', b])]);
      tx.queue(['DECRBY', a, 2]);
      tx.queue(['SET', b, 2, 'PX', 60_000]);
      tx.queue(['MGET', a, b]);
      return { five, none, attempt: tx.attempt };
    });
    expect(result).toEqual({
      committed: true,
      value: { five: '5', none: null, attempt: 1 },
      results: [
        { ok: true, value: 3 },
        { ok: true, value: 'OK' },
        { ok: true, value: ['3', '2'] },
      ],
      attempts: 1,
    });
  });

  it('loses no increment of many that are made at the same time', async () => {
    const manager = await connect({ pool: { max: 8 } });
    const k = key('counter');
    const committed = await Promise.all(Array.from({ length: 24 }, () => increment(manager, k, 1_000)));
    expect(committed).toEqual(Array.from({ length: 24 }, () => true));
    expect(await manager.command(['GET', k])).toBe('24');
  });

  it('runs again when a watched key was changed, and says so when it was every time', async () => {
    const manager = await connect();
    const k = key('contended');
    const attempts: number[] = [];
    const disturbed = (times: number) => async (tx: Transaction) => {
      attempts.push(tx.attempt);
      if (tx.attempt <= times) await manager.command(['SET', k, 'theirs', 'PX', 60_000]);
      tx.queue(['SET', k, 'ours', 'PX', 60_000]);
    };
    expect(await manager.transaction([k], disturbed(2))).toMatchObject({ committed: true, attempts: 3 });
    expect(attempts).toEqual([1, 2, 3]);
    expect(await manager.transaction([k], disturbed(9), { attempts: 2 })).toEqual({ committed: false, attempts: 2 });
    expect(await manager.command(['GET', k])).toBe('theirs');
  });

  it('that only reads is committed only if what it read still holds', async () => {
    const manager = await connect();
    const k = key('read');
    const result = await manager.transaction([k], async (tx) => {
      const seen = await tx.command(['GET', k]);
      if (tx.attempt === 1) await manager.command(['SET', k, 'new', 'PX', 60_000]);
      return seen;
    });
    expect(result).toEqual({ committed: true, value: 'new', results: [], attempts: 2 });
  });

  it('writes nothing when the function throws, and leaves nothing to the next user of the connection', async () => {
    const manager = await connect({ pool: { max: 1 } });
    const k = key('thrown');
    const thrown = manager.transaction([k], (tx) => {
      tx.queue(['SET', k, 'x']);
      throw new RangeError('not enough');
    });
    await expect(thrown).rejects.toThrow(RangeError);
    await manager.command(['SET', k, 'theirs', 'PX', 60_000]);
    await using lease = await manager.lease({ key: k });
    await lease.command(['MULTI']);
    await lease.command(['GET', k]);
    // it would be null if the key were still watched
    expect(await lease.command(['EXEC'])).toEqual(['theirs']);
  });

  it('gives the error of a command that fails in it beside the results of the others', async () => {
    const manager = await connect();
    const k = key('partly');
    const commands = (tx: Transaction): void => {
      tx.queue(['SET', k, 'text', 'PX', 60_000]);
      tx.queue(['INCR', k]);
      tx.queue(['GET', k]);
    };
    const result = await manager.transaction([], commands, { key: k });
    expect(result).toMatchObject({
      committed: true,
      results: [
        { ok: true, value: 'OK' },
        { ok: false, error: { code: 'RU_SERVER', replyCode: 'ERR' } },
        { ok: true, value: 'text' },
      ],
    });
  });

  it('writes nothing when the server refuses one of its commands, and says which', async () => {
    const manager = await connect();
    const k = key('refused');
    const refused = manager.transaction([k], (tx) => {
      tx.queue(['SET', k, 'x']);
      tx.queue(['NOSUCHCOMMAND']);
    });
    await expect(refused).rejects.toMatchObject({ code: 'RU_SERVER', command: 'NOSUCHCOMMAND' });
    expect(await manager.command(['EXISTS', k])).toBe(0);
  });

  it('gives bytes when asked for', async () => {
    const manager = await connect();
    const k = key('bytes');
    const bytes = Buffer.from([0, 200, 255]);
    await manager.command(['SET', k, bytes, 'PX', 60_000]);
    const result = await manager.transaction(
      [k],
      async (tx) => {
        tx.queue(['GET', k]);
        return tx.command(['GET', k], { reply: 'bytes' });
      },
      { reply: 'bytes' },
    );
    expect(result).toMatchObject({ committed: true, value: bytes, results: [{ ok: true, value: bytes }] });
  });

  it.each([[['BLPOP', 'q', 0]], [['MULTI']], [['SUBSCRIBE', 'c']], [['GET', {}]]])(
    'refuses %j in it, read or queued, before anything is sent',
    async (command) => {
      const manager = await connect();
      const read = manager.transaction([], (tx) => tx.command(command as never));
      await expect(read).rejects.toMatchObject({ code: 'RU_CONFIG' });
      await expect(manager.transaction([], (tx) => tx.queue(command as never))).rejects.toMatchObject({
        code: 'RU_CONFIG',
      });
    },
  );

  it('refuses what comes after its end', async () => {
    const manager = await connect();
    let kept: Transaction | undefined;
    await manager.transaction([], (tx) => void (kept = tx));
    expect(() => kept?.queue(['SET', 'k', 'x'])).toThrow('The transaction is closed');
    await expect(kept?.command(['GET', 'k'])).rejects.toMatchObject({ code: 'RU_CLOSED' });
  });

  it('ends when its time is up or its signal aborts, whatever the function waits for, and writes nothing', async () => {
    const manager = await connect({ pool: { max: 1 } });
    const k = key('late');
    let reason: unknown;
    const hangs = (tx: Transaction): Promise<never> => {
      tx.queue(['SET', k, 'x']);
      return new Promise((_, reject) => tx.signal.addEventListener('abort', () => reject((reason = tx.signal.reason))));
    };
    await expect(manager.transaction([k], hangs, { timeout: 30 })).rejects.toMatchObject({
      code: 'RU_TIMEOUT',
      operation: 'transaction',
      outcome: 'not-sent',
    });
    expect(reason).toMatchObject({ code: 'RU_TIMEOUT' });
    const controller = new AbortController();
    const aborted = manager.transaction([k], hangs, { signal: controller.signal });
    controller.abort(new Error('no longer'));
    await expect(aborted).rejects.toThrow('no longer');
    await using lease = await manager.lease({ key: k });
    expect(await lease.command(['EXISTS', k])).toBe(0);
  });

  it.each([
    [{ attempts: 0 }, 'transaction.attempts'],
    [{ timeout: 'soon' }, 'transaction.timeout'],
    [{ atempts: 3 }, 'did you mean `attempts`'],
  ])('refuses the options %j', async (options, message) => {
    const manager = await connect();
    await expect(manager.transaction([], () => {}, options as never)).rejects.toThrow(message);
  });

  it('refuses to watch what is no key', async () => {
    const manager = await connect();
    await expect(manager.transaction(['a', ''], () => {})).rejects.toThrow('transaction.watch[1]');
  });

  it.runIf(target.cluster)('watches no keys of different slots, and writes nothing then', async () => {
    const manager = await connect();
    const k = key('slot');
    const refused = manager.transaction([k, `{other}${k}`], (tx) => tx.queue(['SET', k, 'x', 'PX', 60_000]));
    await expect(refused).rejects.toMatchObject({ code: 'RU_SERVER', command: 'WATCH', replyCode: 'CROSSSLOT' });
    expect(await manager.command(['EXISTS', k])).toBe(0);
  });
});
