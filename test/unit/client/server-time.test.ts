import { expect, it } from 'vitest';

import type { Clock } from '../../../src/core/clock.js';
import { ServerTime } from '../../../src/client/server-time.js';

class TwoClocks implements Clock {
  wall = 1_000_000;
  monotonic = 5;
  wallMs = (): number => this.wall;
  monotonicMs = (): number => this.monotonic;
  timer = (): never => {
    throw new Error('unused');
  };
  backgroundTimer = this.timer;
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

const noServer = (): never => {
  throw new Error('unused');
};

function sampled(): { clock: TwoClocks; time: ServerTime } {
  const clock = new TwoClocks();
  const time = new ServerTime(clock, noServer);
  time.sample(77_000, clock.monotonic);
  return { clock, time };
}

it('the server’s time is unknown before the first sample, and every caller asks for it', () => {
  const time = new ServerTime(new TwoClocks(), noServer);
  expect([time.earliestMs(), time.shouldAsk(), time.shouldAsk()]).toEqual([undefined, true, true]);
});

it('a sample is carried forward by the larger of monotonic and wall time, never back', () => {
  const { clock, time } = sampled();
  clock.pass(1_000);
  expect(time.earliestMs()).toBe(78_000);
  clock.wall += 5_000; // the machine slept
  expect(time.earliestMs()).toBe(83_000);
  clock.wall -= 1_000_000; // the wall clock was set back
  expect(time.earliestMs()).toBe(78_000);
});

it('after ten seconds one caller asks, and another one only when that got no answer within a second', () => {
  const { clock, time } = sampled();
  clock.pass(9_999);
  expect(time.shouldAsk()).toBe(false);
  clock.pass(1);
  expect([time.shouldAsk(), time.shouldAsk()]).toEqual([true, false]);
  clock.pass(1_000);
  expect(time.shouldAsk()).toBe(true);
  time.sample(88_000, clock.monotonic);
  expect([time.shouldAsk(), time.earliestMs()]).toEqual([false, 88_000]);
});

it('the bounds are a round trip apart, and the millisecond that the server rounds away', () => {
  const clock = new TwoClocks();
  const time = new ServerTime(clock, noServer);
  expect(time.latestMs()).toBe(Number.POSITIVE_INFINITY);
  const sentMs = clock.monotonic;
  clock.pass(7);
  time.sample(50_000, sentMs);
  clock.pass(3);
  expect([time.earliestMs(), time.latestMs()]).toEqual([50_003, 50_011]);
});

it('asks for seconds and microseconds, and refuses anything else', async () => {
  const clock = new TwoClocks();
  const replies = [['12', '345678'], ['12', 'x'], 'OK'];
  const time = new ServerTime(clock, async () => replies.shift() as never);
  await expect(time.ask()).resolves.toBe(12_345);
  await expect(time.ask()).rejects.toThrow('TIME');
  await expect(time.ask()).rejects.toThrow('TIME');
  expect(time.earliestMs()).toBe(12_345);
});
