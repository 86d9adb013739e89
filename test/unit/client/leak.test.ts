import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { type Leak, type PoolOptions, RedisManager } from '../../../src/client/index.js';
import { VirtualClock } from '../../../src/embedded/index.js';
import { afterThisTest } from '../../support/cleanup.js';
import { eventually } from '../../support/eventually.js';

async function watched(pool: PoolOptions): Promise<{ manager: RedisManager; clock: VirtualClock; leaks: Leak[] }> {
  const clock = new VirtualClock();
  const url = `memory://leaks-${randomBytes(4).toString('hex')}`;
  const manager = await RedisManager.connect({ url, pool }, { clock });
  const leaks: Leak[] = [];
  manager.on('leak', (leak) => leaks.push(leak));
  afterThisTest(async () => {
    const closing = manager.close();
    await clock.advance('3s');
    await closing;
  });
  return { manager, clock, leaks };
}

async function takeInHere(manager: RedisManager): Promise<void> {
  await manager.lease();
}

const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

describe('a lease that is out for longer than `pool.leakAfter`', () => {
  it('is reported once, with where it was taken, and stays valid', async () => {
    const { manager, clock, leaks } = await watched({ leakAfter: '30s' });
    const lease = await manager.lease();
    await clock.advance(29_999);
    expect(leaks).toEqual([]);
    await clock.advance('2m');
    expect(leaks).toEqual([{ heldMs: 30_000, takenAt: expect.stringContaining('leak.test.ts'), collected: false }]);
    expect(leaks[0]?.takenAt?.split('\n')[0]).toMatch(/leak\.test\.ts:\d+:\d+/);
    expect(await lease.command(['PING'])).toBe('PONG');
    lease.release();
    expect((await manager.health()).pool).toMatchObject({ leaks: 1, lent: 0, idle: 1 });
  });

  it('names the caller of a transaction, too', async () => {
    const { manager, clock, leaks } = await watched({ leakAfter: '1s' });
    const stuck = manager.transaction([], () => new Promise(() => {}), { timeout: '5s' });
    const refused = expect(stuck).rejects.toMatchObject({ code: 'RU_TIMEOUT', outcome: 'not-sent' });
    await new Promise(setImmediate);
    await clock.advance('5s');
    await refused;
    expect(leaks[0]?.takenAt?.split('\n')[0]).toMatch(/leak\.test\.ts:\d+:\d+/);
  });

  it('is not reported when it was given back in time, nor where that is switched off', async () => {
    const on = await watched({ leakAfter: '30s' });
    (await on.manager.lease()).release();
    await on.clock.advance('2m');
    expect(on.leaks).toEqual([]);
    const off = await watched({ leakAfter: false });
    const lease = await off.manager.lease();
    await off.clock.advance('2d');
    expect(off.leaks).toEqual([]);
    lease.release();
  });
});

describe('a lease that nobody can give back any more', () => {
  it('is reported, and its place in the pool is free again', async () => {
    const { manager, leaks } = await watched({ max: 1 });
    await takeInHere(manager);
    await eventually(() => {
      collectGarbage();
      return leaks.length > 0;
    });
    expect(leaks).toEqual([{ heldMs: 0, takenAt: expect.stringContaining('takeInHere'), collected: true }]);
    await using next = await manager.lease();
    expect(await next.command(['PING'])).toBe('PONG');
    expect((await manager.health()).pool.closed.leaked).toBe(1);
  });

  it('is not one on which a command is still waited for', async () => {
    const { manager, leaks } = await watched({ max: 1 });
    const popped = manager.lease().then((lease) => lease.command(['BLPOP', 'q', 0]));
    for (let round = 0; round < 5; round += 1) {
      await new Promise(setImmediate);
      collectGarbage();
    }
    expect(leaks).toEqual([]);
    await manager.command(['RPUSH', 'q', 'x']);
    expect(await popped).toEqual(['q', 'x']);
  });
});
