import { describe, expect, it } from 'vitest';

import type { Connection, ReplySink, WireCommand } from '../../../src/client/driver.js';
import { Pool } from '../../../src/client/pool.js';
import { systemClock } from '../../../src/core/clock.js';
import { VirtualClock } from '../../../src/embedded/virtual-clock.js';

class FakeConnection implements Connection {
  alive = true;
  readonly writable = true;
  send = (_command: WireCommand, sink: ReplySink): void => sink.reject(new Error('unused'));
  subscribe = (): Promise<void> => Promise.resolve();
  unsubscribe = (): Promise<void> => Promise.resolve();
  onMessage = (): void => {};
  onWritable = (): void => {};
  onEnd = (): void => {};
  destroy(): void {
    this.alive = false;
  }
}

function poolOf(
  max: number,
  overrides: { open?: () => Promise<Connection>; clock?: VirtualClock } = {},
): { pool: Pool; made: FakeConnection[] } {
  const made: FakeConnection[] = [];
  const open = (): Promise<Connection> => {
    const connection = new FakeConnection();
    made.push(connection);
    return Promise.resolve(connection);
  };
  const limits = { max, acquireTimeoutMs: 1_000, idleTimeoutMs: 60_000, maxAgeMs: 3_600_000, leakAfterMs: undefined };
  const ports = { endpoint: 'redis://h', clock: overrides.clock ?? systemClock, open: overrides.open ?? open };
  return { pool: new Pool(limits, ports), made };
}

describe('Pool', () => {
  it('lends a connection that was given back instead of making another', async () => {
    const { pool, made } = poolOf(2);
    const first = await pool.take();
    pool.giveBack(first, true);
    expect(await pool.take()).toBe(first);
    expect(made).toHaveLength(1);
  });

  it('serves who waits first, with the connection that comes back', async () => {
    const { pool } = poolOf(1);
    const held = await pool.take();
    const order: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      const connection = await pool.take();
      order.push(name);
      pool.giveBack(connection, true);
    });
    expect(pool.stats()).toMatchObject({ size: 1, waiting: 2 });
    pool.giveBack(held, true);
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b']);
  });

  it('never exceeds its maximum, also when callers come in the tick in which one was given back unusable', async () => {
    const { pool, made } = poolOf(1);
    const held = await pool.take();
    const waiting = pool.take();
    pool.giveBack(held, false);
    const late = pool.take();
    await waiting;
    expect(made.filter(({ alive }) => alive)).toHaveLength(1);
    pool.giveBack(await waiting, true);
    await late;
    expect(made).toHaveLength(2);
  });

  it('does not lend a connection that has ended meanwhile', async () => {
    const { pool } = poolOf(1);
    const first = await pool.take();
    pool.giveBack(first, true);
    first.destroy();
    expect(await pool.take()).not.toBe(first);
  });

  it('says how long it waited and how full it was when none came free', async () => {
    const clock = new VirtualClock();
    const { pool } = poolOf(1, { clock });
    await pool.take();
    const refused = expect(pool.take(500)).rejects.toMatchObject({
      code: 'RU_POOL_TIMEOUT',
      waitedMs: 500,
      size: 1,
      max: 1,
      outcome: 'not-sent',
    });
    await clock.advance(500);
    await refused;
    expect(pool.stats().waiting).toBe(0);
  });

  it('lets a waiter go when its signal aborts, and serves the next', async () => {
    const { pool } = poolOf(1);
    const held = await pool.take();
    const controller = new AbortController();
    const aborted = expect(pool.take(undefined, controller.signal)).rejects.toThrow('no longer');
    const next = pool.take();
    controller.abort(new Error('no longer'));
    await aborted;
    pool.giveBack(held, true);
    expect(await next).toBe(held);
  });

  it('gives its room to the next waiter when making a connection fails', async () => {
    let attempts = 0;
    const open = (): Promise<Connection> => {
      attempts += 1;
      return attempts === 2 ? Promise.reject(new Error('refused')) : Promise.resolve(new FakeConnection());
    };
    const { pool } = poolOf(1, { open });
    const held = await pool.take();
    const second = expect(pool.take()).rejects.toThrow('refused');
    const third = pool.take();
    pool.giveBack(held, false);
    await second;
    expect((await third).alive).toBe(true);
  });

  it('closes what nobody has used for the idle time', async () => {
    const clock = new VirtualClock();
    const { pool, made } = poolOf(2, { clock });
    pool.giveBack(await pool.take(), true);
    await clock.advance(59_000);
    expect(pool.stats().idle).toBe(1);
    await clock.advance(2_000);
    expect(pool.stats()).toMatchObject({ idle: 0, size: 0 });
    expect(made[0]?.alive).toBe(false);
  });

  it('ends everything when it closes: idle, lent, waiting and later calls', async () => {
    const { pool, made } = poolOf(1);
    await pool.take();
    const waiting = expect(pool.take()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(pool.close()).toBe(1);
    await waiting;
    await expect(pool.take()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(made.every(({ alive }) => !alive)).toBe(true);
  });
});
