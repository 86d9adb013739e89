import { expect, it } from 'vitest';

import type { Clock } from '../../../src/core/clock.js';
import { ServerTime } from '../../../src/session/server-time.js';

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

function sampled(): { clock: TwoClocks; time: ServerTime } {
  const clock = new TwoClocks();
  const time = new ServerTime(clock);
  time.sample(77_000);
  return { clock, time };
}

it('the server’s time is unknown before the first sample, and every caller asks for it', () => {
  const time = new ServerTime(new TwoClocks());
  expect([time.nowMs(), time.shouldAsk(), time.shouldAsk()]).toEqual([undefined, true, true]);
});

it('a sample is carried forward by the larger of monotonic and wall time, never back', () => {
  const { clock, time } = sampled();
  clock.pass(1_000);
  expect(time.nowMs()).toBe(78_000);
  clock.wall += 5_000; // the machine slept
  expect(time.nowMs()).toBe(83_000);
  clock.wall -= 1_000_000; // the wall clock was set back
  expect(time.nowMs()).toBe(78_000);
});

it('after ten seconds one caller asks, and another one only when that got no answer within a second', () => {
  const { clock, time } = sampled();
  clock.pass(9_999);
  expect(time.shouldAsk()).toBe(false);
  clock.pass(1);
  expect([time.shouldAsk(), time.shouldAsk()]).toEqual([true, false]);
  clock.pass(1_000);
  expect(time.shouldAsk()).toBe(true);
  time.sample(88_000);
  expect([time.shouldAsk(), time.nowMs()]).toEqual([false, 88_000]);
});
