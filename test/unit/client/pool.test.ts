import { describe, expect, it } from 'vitest';

import type { Connection, ReplySink, WireCommand } from '../../../src/client/driver.js';
import { PoolHistory } from '../../../src/client/leases/pool-stats.js';
import { Pool } from '../../../src/client/leases/pool.js';
import type { Settings } from '../../../src/client/config/settings.js';
import { systemClock } from '../../../src/core/clock.js';
import { VirtualClock } from '../../../src/embedded/virtual-clock.js';

class FakeConnection implements Connection {
  alive = true;
  readonly writable = true;
  /** What becomes of a command; by default it is answered at once. */
  answer: (sink: ReplySink) => void = (sink) => sink.resolve('OK');
  readonly heard: string[] = [];
  subscribe = (): Promise<void> => Promise.resolve();
  unsubscribe = (): Promise<void> => Promise.resolve();
  onMessage = (): void => {};
  onWritable = (): void => {};
  onEnd: (cause: Error) => void = () => {};

  send(command: WireCommand, sink: ReplySink): void {
    this.heard.push(command.join(' '));
    this.answer(sink);
  }

  destroy(): void {
    if (!this.alive) return;
    this.alive = false;
    this.onEnd(new Error('destroyed'));
  }
}

interface Overrides {
  readonly open?: () => Promise<Connection>;
  readonly clock?: VirtualClock;
  readonly limits?: Partial<Settings['pool']>;
  /** For each connection, in order: 0 retires it at its full age. */
  readonly uniform?: () => number;
}

function poolOf(
  max: number,
  overrides: Overrides = {},
): { pool: Pool; made: FakeConnection[]; history: PoolHistory; use: () => Promise<FakeConnection> } {
  const made: FakeConnection[] = [];
  const open = (): Promise<Connection> => {
    const connection = new FakeConnection();
    made.push(connection);
    return Promise.resolve(connection);
  };
  const base = { max, acquireTimeoutMs: 1_000, idleTimeoutMs: 60_000, maxAgeMs: 3_600_000, leakAfterMs: undefined };
  const history = new PoolHistory();
  const pool = new Pool(
    { ...base, ...overrides.limits },
    {
      endpoint: 'redis://h',
      history,
      clock: overrides.clock ?? systemClock,
      random: { uniform: overrides.uniform ?? (() => 0), bytes: () => Buffer.alloc(0) },
      open: overrides.open ?? open,
    },
  );
  const use = async (): Promise<FakeConnection> => {
    const pooled = await pool.take();
    pool.giveBack(pooled);
    return pooled.connection as FakeConnection;
  };
  return { pool, made, history, use };
}

const tick = (): Promise<void> => new Promise(setImmediate);

describe('Pool', () => {
  it('lends a connection that was given back instead of making another', async () => {
    const { made, use } = poolOf(2);
    expect(await use()).toBe(await use());
    expect(made).toHaveLength(1);
    expect(made[0]?.heard).toEqual([]);
  });

  it('serves who waits first, with the connection that comes back', async () => {
    const { pool } = poolOf(1);
    const held = await pool.take();
    const order: string[] = [];
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      const pooled = await pool.take();
      order.push(name);
      pool.giveBack(pooled);
    });
    expect(pool.stats()).toMatchObject({ size: 1, lent: 1, waiting: 3 });
    pool.giveBack(held);
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('gives who has waited longest whatever is free first, be it given back or just made', async () => {
    const opened: (() => void)[] = [];
    const open = (): Promise<Connection> => new Promise((resolve) => opened.push(() => resolve(new FakeConnection())));
    const { pool } = poolOf(2, { open });
    const first = pool.take();
    opened[0]?.();
    const held = await first;
    const order: string[] = [];
    const second = pool.take().then(() => order.push('second'));
    const third = pool.take().then(() => order.push('third'));
    pool.giveBack(held);
    await second;
    expect(order).toEqual(['second']);
    opened[1]?.();
    await third;
    expect(order).toEqual(['second', 'third']);
  });

  it('never exceeds its maximum, also when callers come in the tick in which one was given back unusable', async () => {
    const { pool, made } = poolOf(1);
    const held = await pool.take();
    const waiting = pool.take();
    pool.discard(held, 'busy');
    const late = pool.take();
    const second = await waiting;
    expect(made.filter(({ alive }) => alive)).toHaveLength(1);
    pool.giveBack(second);
    expect(await late).toBe(second);
    expect(made).toHaveLength(2);
  });

  it('says how long it waited and how full it was when none came free', async () => {
    const clock = new VirtualClock();
    const { pool, history } = poolOf(1, { clock });
    await pool.take();
    const refused = expect(pool.take(500)).rejects.toMatchObject({
      code: 'RU_POOL_TIMEOUT',
      waitedMs: 500,
      size: 1,
      max: 1,
      outcome: 'not-sent',
      message: expect.stringContaining('1 of 1 in use) – release leases sooner or raise `pool.max`'),
    });
    await clock.advance(500);
    await refused;
    expect(pool.stats().waiting).toBe(0);
    expect(history.timeouts).toBe(1);
  });

  it('waits no longer for a connection that is slow to be made than for one that is lent, and keeps it for the next', async () => {
    const clock = new VirtualClock();
    let opened = (): void => {};
    const open = (): Promise<Connection> => new Promise((resolve) => (opened = () => resolve(new FakeConnection())));
    const { pool } = poolOf(1, { clock, open });
    const refused = expect(pool.take(500)).rejects.toThrow(/0 of 1 in use, 1 being made.*slow to accept/);
    await clock.advance(500);
    await refused;
    opened();
    await tick();
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1 });
  });

  it('lets a waiter go when its signal aborts, and serves the next', async () => {
    const { pool } = poolOf(1);
    const held = await pool.take();
    const controller = new AbortController();
    const aborted = expect(pool.take(undefined, controller.signal)).rejects.toThrow('no longer');
    const next = pool.take();
    controller.abort(new Error('no longer'));
    await aborted;
    pool.giveBack(held);
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
    pool.discard(held, 'busy');
    await second;
    expect((await third).connection.alive).toBe(true);
  });

  it('ends everything when it closes: idle, lent, waiting and later calls', async () => {
    const { pool, made, history } = poolOf(1);
    await pool.take();
    const waiting = expect(pool.take()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(pool.close()).toBe(1);
    await waiting;
    await expect(pool.take()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    expect(made.every(({ alive }) => !alive)).toBe(true);
    expect(history.closed).toMatchObject({ closed: 1, lost: 0 });
  });

  it('keeps what is out when it stops lending, and closes it when it comes back', async () => {
    const { pool, made } = poolOf(2);
    const held = await pool.take();
    pool.stopLending();
    expect(made[0]?.alive).toBe(true);
    await expect(pool.take()).rejects.toMatchObject({ code: 'RU_CLOSED' });
    pool.giveBack(held);
    expect(made[0]?.alive).toBe(false);
    expect(pool.stats()).toMatchObject({ size: 0, lent: 0 });
  });

  it('counts how long callers waited', async () => {
    const clock = new VirtualClock();
    const { pool, history } = poolOf(1, { clock });
    const held = await pool.take();
    const next = pool.take();
    await clock.advance(200);
    pool.giveBack(held);
    await next;
    expect(history.summary().waits).toEqual({ count: 2, p50Ms: 0, p99Ms: 200, maxMs: 200 });
    expect(history.opened).toBe(1);
  });
});

describe('a connection that rested', () => {
  it('is lent without a question when it rested for a moment, and after an answer when it rested for long', async () => {
    const clock = new VirtualClock();
    const { made, use } = poolOf(1, { clock });
    await use();
    await clock.advance('3s');
    await use();
    expect(made[0]?.heard).toEqual([]);
    await clock.advance(3_001);
    await use();
    expect(made[0]?.heard).toEqual(['PING']);
    expect(made).toHaveLength(1);
  });

  it.each([
    ['answers with an error', (sink: ReplySink) => sink.reject(new Error('NOAUTH')), 0],
    ['does not answer', () => {}, 1_000],
  ])('is replaced when it %s, and the caller sees only the time', async (_, answer, tookMs) => {
    const clock = new VirtualClock();
    const { pool, made, history, use } = poolOf(1, { clock, limits: { acquireTimeoutMs: 5_000 } });
    const old = await use();
    old.answer = answer;
    await clock.advance('10s');
    const taken = pool.take();
    await clock.advance(tookMs);
    expect((await taken).connection).toBe(made[1]);
    expect(old.alive).toBe(false);
    expect(history.closed).toMatchObject({ unresponsive: 1 });
  });

  it('is forgotten as soon as it ends', async () => {
    const { pool, made, history, use } = poolOf(1);
    const first = await use();
    first.destroy();
    expect(pool.stats()).toMatchObject({ size: 0, idle: 0 });
    expect(history.closed.lost).toBe(1);
    await use();
    expect(made).toHaveLength(2);
  });

  it('is closed when nobody has used it for the idle time', async () => {
    const clock = new VirtualClock();
    const { pool, made, history, use } = poolOf(2, { clock });
    await use();
    await clock.advance(59_999);
    expect(pool.stats().idle).toBe(1);
    await clock.advance(1);
    expect(pool.stats()).toMatchObject({ idle: 0, size: 0 });
    expect(made[0]?.alive).toBe(false);
    expect(history.closed.idle).toBe(1);
  });
});

describe('a connection that is old', () => {
  it('is closed while it rests, or when it is given back, never while it is lent', async () => {
    const clock = new VirtualClock();
    const { pool, made, history } = poolOf(2, { clock, limits: { maxAgeMs: 10_000 } });
    const held = await pool.take();
    pool.giveBack(await pool.take());
    await clock.advance(10_000);
    expect(made.map(({ alive }) => alive)).toEqual([true, false]);
    pool.giveBack(held);
    expect(made[0]?.alive).toBe(false);
    expect(history.closed).toMatchObject({ aged: 2, idle: 0 });
  });

  it('does not go together with those that were opened with it', async () => {
    const clock = new VirtualClock();
    const shares = [0, 0.5, 0.999];
    const { pool } = poolOf(3, { clock, limits: { maxAgeMs: 10_000 }, uniform: () => shares.shift() ?? 0 });
    for (const pooled of await Promise.all([pool.take(), pool.take(), pool.take()])) pool.giveBack(pooled);
    const idle: number[] = [];
    for (const untilMs of [8_999, 9_001, 9_500, 10_000]) {
      await clock.advance(untilMs - clock.monotonicMs());
      idle.push(pool.stats().idle);
    }
    expect(idle).toEqual([3, 2, 1, 0]);
  });
});

describe('a connection that was left changed', () => {
  it('is lent only after the server has confirmed that the change is undone', async () => {
    const { pool, made } = poolOf(1);
    const held = await pool.take();
    const sinks: ReplySink[] = [];
    (made[0] as FakeConnection).answer = (sink) => void sinks.push(sink);
    pool.giveBack(held, [['DISCARD'], ['SELECT', '0']]);
    let lent = false;
    const next = pool.take().then(() => (lent = true));
    expect(made[0]?.heard).toEqual(['DISCARD', 'SELECT 0']);
    sinks[0]?.resolve('OK');
    await tick();
    expect(lent).toBe(false);
    sinks[1]?.resolve('OK');
    await next;
    expect(made).toHaveLength(1);
  });

  it('is replaced when the server does not undo it', async () => {
    const { pool, made } = poolOf(1);
    const held = await pool.take();
    (made[0] as FakeConnection).answer = (sink) => sink.reject(new Error('NOPERM'));
    pool.giveBack(held, [['UNWATCH']]);
    expect((await pool.take()).connection).toBe(made[1]);
    expect(made[0]?.alive).toBe(false);
  });
});
