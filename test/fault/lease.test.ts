import { describe, expect, it } from 'vitest';

import { RedisManager, type RedisOptions } from '../../src/client/index.js';
import { afterThisTest } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { noLeaks } from '../support/no-leaks.js';
import { RedisServer } from '../support/redis-server.js';

noLeaks();

async function connectTo(options: RedisOptions): Promise<RedisManager> {
  const manager = await RedisManager.connect(options);
  afterThisTest(async () => void (await manager.close({ drain: 0 })));
  return manager;
}

describe('a server that dies and comes back', () => {
  it('costs each lease that was out one error, and the pool none of its places', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url, pool: { max: 3 } });
    const popping = Array.from({ length: 6 }, async () => {
      await using lease = await manager.lease();
      return await lease.command(['BLPOP', 'q', 0]);
    });
    const settled = Promise.allSettled(popping);
    await eventually(async () => String(await server.command(['CLIENT', 'LIST'])).match(/cmd=blpop/g)?.length === 3);
    await server.kill();
    const outcomes = (await settled).map((result) => result.status === 'rejected' && result.reason.outcome);
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'not-sent')).toHaveLength(3);
    await server.restart();
    const leases = await Promise.all([manager.lease(), manager.lease(), manager.lease()]);
    for (const lease of leases) {
      expect(await lease.command(['PING'])).toBe('PONG');
      lease.release();
    }
    expect((await manager.health()).pool).toMatchObject({ size: 3, idle: 3, lent: 0, waiting: 0, closed: { lost: 3 } });
  });

  it('is not noticed by who takes a lease afterwards, although connections were idle in the pool', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url });
    (await manager.lease()).release();
    await server.kill();
    await server.restart();
    await using lease = await manager.lease();
    expect(await lease.command(['PING'])).toBe('PONG');
  });

  it('ends a wait for a connection that cannot be made with the reason', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url });
    await server.kill();
    await expect(manager.lease()).rejects.toMatchObject({
      code: 'RU_CONNECTION',
      reason: 'refused',
      outcome: 'not-sent',
    });
  });
});

describe('a connection that is lost in a transaction', () => {
  it('while the keys are watched, has written nothing, and the next transaction has another one', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url });
    let runs = 0;
    const cut = manager.transaction(['k'], async (tx) => {
      runs += 1;
      const id = await tx.command<number>(['CLIENT', 'ID']);
      await server.command(['CLIENT', 'KILL', 'ID', String(id)]);
      await expect(tx.command(['GET', 'k'])).rejects.toMatchObject({ code: 'RU_CONNECTION' });
      tx.queue(['SET', 'k', 'x']);
    });
    await expect(cut).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'not-sent' });
    expect(runs).toBe(1);
    expect(await server.command(['EXISTS', 'k'])).toBe(0);
    expect(await manager.transaction(['k'], (tx) => tx.queue(['SET', 'k', 'y']))).toMatchObject({ committed: true });
  });

  it('while EXEC is on its way, leaves the outcome unknown, and nothing is run a second time', async () => {
    const server = await RedisServer.start();
    const proxy = await FaultProxy.start(server);
    const manager = await connectTo({ url: proxy.url });
    // so that the next one sends everything in one write
    await manager.transaction([], () => {});
    let runs = 0;
    const lost = proxy.loseReply({ command: 'EXEC' });
    const cut = manager.transaction(['n'], (tx) => {
      runs += 1;
      tx.queue(['INCR', 'n']);
    });
    await expect(cut).rejects.toMatchObject({ code: 'RU_CONNECTION', outcome: 'unknown' });
    await lost;
    expect(runs).toBe(1);
    expect(await server.command(['GET', 'n'])).toBe('1');
  });
});

describe('a server that freezes in a transaction', () => {
  it('ends it when its time is up, and the connection is not lent again', async () => {
    const server = await RedisServer.start();
    const manager = await connectTo({ url: server.url, pool: { max: 1 } });
    await manager.transaction([], () => {});
    const cut = manager.transaction(
      ['k'],
      async (tx) => {
        await tx.command(['GET', 'k']);
        server.pause();
        tx.queue(['SET', 'k', 'x']);
      },
      { timeout: 200 },
    );
    await expect(cut).rejects.toMatchObject({ code: 'RU_TIMEOUT', operation: 'transaction', outcome: 'unknown' });
    server.resume();
    await using lease = await manager.lease();
    expect(await lease.command(['ECHO', 'mine'])).toBe('mine');
    expect((await manager.health()).pool.closed.busy).toBe(1);
  });
});

describe('closing while a lease blocks', () => {
  it('loses no element to a consumer that is being closed', async () => {
    const server = await RedisServer.start();
    const manager = await RedisManager.connect(server.url);
    const got: unknown[] = [];
    const consumer = (async (): Promise<void> => {
      await using lease = await manager.lease();
      for (;;) {
        const reply = await lease.command<[string, string] | null>(['BLPOP', 'q', 0]);
        if (reply !== null) got.push(reply[1]);
      }
    })();
    const ended = expect(consumer).rejects.toMatchObject({ code: 'RU_CLOSED', outcome: 'not-sent' });
    let pushed = 0;
    const push = async (): Promise<void> => void (await server.command(['RPUSH', 'q', String((pushed += 1))]));
    while (pushed < 50) await push();
    const closing = manager.close();
    while (manager.state !== 'closed') await push();
    expect(await closing).toMatchObject({ drained: true, cutLeases: 0 });
    await ended;
    const left = await server.command<string[]>(['LRANGE', 'q', '0', '-1']);
    expect([...got, ...left]).toEqual(Array.from({ length: pushed }, (_, index) => String(index + 1)));
  });

  it('cuts it, and says so, where the user may not ask for more', async () => {
    const server = await RedisServer.start();
    await server.command([
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      '-client|unblock',
      '-client|list',
    ]);
    const manager = await RedisManager.connect({ url: server.url, username: 'app', password: 'secret' });
    const errors: unknown[] = [];
    manager.on('error', ({ source, error }) => errors.push([source, (error as { replyCode?: string }).replyCode]));
    const lease = await manager.lease();
    const cut = expect(lease.command(['BLPOP', 'q', 0])).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await manager.close({ drain: 300 })).toMatchObject({ drained: false, cutLeases: 1 });
    await cut;
    expect(errors).toEqual([['lease', 'NOPERM']]);
  });
});
