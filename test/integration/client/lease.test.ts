import { describe, expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { eventually } from '../../support/eventually.js';
import { noLeaks } from '../../support/no-leaks.js';
import { connect, target, uniquePrefix, url } from '../../support/target.js';

noLeaks();
const blockedIn = (clientList: string): number => clientList.split('cmd=blpop').length - 1;
const key = (name: string): string => `${uniquePrefix()}:${name}`;

describe('a lease', () => {
  it.each([[['WATCH']], [['MULTI']], ...(target.cluster ? [] : [[['SELECT', '1']]])])(
    'left with %j is undone: the next user has the same connection, as good as new',
    async (words) => {
      const manager = await connect({ pool: { max: 1 } });
      const k = key('undone');
      const command = words[0] === 'WATCH' ? ['WATCH', k] : words;
      await using first = await manager.lease({ key: k });
      const id = await first.command(['CLIENT', 'ID']);
      await first.command(command);
      first.release();
      await using next = await manager.lease({ key: k });
      expect(await next.command(['SET', k, 'x', 'PX', 60_000])).toBe('OK');
      expect(await manager.command(['GET', k])).toBe('x');
      expect(await next.command(['CLIENT', 'ID'])).toBe(id);
    },
  );

  it('waits for its own block however long, and for a given time when it has one', async () => {
    const manager = await connect({ commandTimeout: 50, unresponsiveAfter: 100 });
    const k = key('slow');
    await using lease = await manager.lease({ key: k });
    expect(await lease.command(['BLPOP', k, 0.4])).toBeNull();
    // longer than what passes for unresponsive: a block is silence by request
    expect(await lease.command(['BLPOP', k, 0.4], { timeout: '5s' })).toBeNull();
  });

  it('tells what the pool has been doing', async () => {
    const manager = await connect({ pool: { max: 2 } });
    const [a, b] = await Promise.all([manager.lease(), manager.lease()]);
    const third = manager.lease();
    expect((await manager.health()).pool).toMatchObject({ size: 2, lent: 2, idle: 0, waiting: 1, max: 2, opened: 2 });
    a.release();
    (await third).release();
    b.release();
    expect((await manager.health()).pool).toMatchObject({
      size: 2,
      lent: 0,
      idle: 2,
      waiting: 0,
      waits: { count: 3 },
      timeouts: 0,
      leaks: 0,
    });
  });
});

describe('closing while leases are out', () => {
  it('waits for those that are given back in time, whose work still gets through', async () => {
    const manager = await RedisManager.connect(await url());
    const k = key('job');
    const lease = await manager.lease({ key: k });
    const closing = manager.close();
    // the modules' own endings come first, and there are none
    await new Promise(setImmediate);
    await expect(manager.lease()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    await expect(lease.command(['BLPOP', k, 0])).rejects.toMatchObject({ code: 'RU_CLOSED', outcome: 'not-sent' });
    expect(await lease.command(['SET', k, '1', 'PX', 60_000])).toBe('OK');
    expect(await manager.command(['GET', k])).toBe('1');
    lease.release();
    expect(await closing).toMatchObject({ drained: true, cutLeases: 0, cutCommands: 0 });
  });

  it.skipIf(target.embedded)('answers what blocks as if its time had come, so that no element is lost', async () => {
    const manager = await RedisManager.connect(await url());
    const k = key('queue');
    await using observer = await (await connect()).lease({ key: k });
    const consume = async (): Promise<unknown[]> => {
      await using lease = await manager.lease({ key: k });
      const got: unknown[] = [];
      for (let reply: unknown = ''; reply !== null;) got.push((reply = await lease.command(['BLPOP', k, 0])));
      return got;
    };
    const consumers = [consume(), consume()];
    await eventually(async () => blockedIn(await observer.command<string>(['CLIENT', 'LIST'])) === 2);
    expect(await manager.close({ drain: '5s' })).toMatchObject({ drained: true, cutLeases: 0 });
    expect(await Promise.all(consumers)).toEqual([[null], [null]]);
  });

  it('cuts what goes on when the time is up', async () => {
    const manager = await RedisManager.connect(await url());
    const lease = await manager.lease();
    const report = await manager.close({ drain: 50 });
    expect(report).toMatchObject({ drained: false, cutLeases: 1 });
    expect(report.tookMs).toBeLessThan(150);
    await expect(lease.command(['PING'])).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'not-sent' });
    lease.release();
  });
});
