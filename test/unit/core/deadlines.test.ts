import { describe, expect, it } from 'vitest';

import type { Clock } from '../../../src/core/clock.js';
import { Deadlines, Expiring } from '../../../src/core/deadlines.js';

/** A clock that is moved by hand, with at most a few timers. */
class ManualClock implements Clock {
  nowMs = 1_000;
  readonly timers: { dueMs: number; fn: () => void }[] = [];
  wallMs = (): number => this.nowMs;
  monotonicMs = (): number => this.nowMs;
  timer = (delayMs: number, fn: () => void): { cancel: () => void } => {
    const timer = { dueMs: this.nowMs + delayMs, fn };
    this.timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  };
  backgroundTimer = this.timer;
  #drop(timer: { dueMs: number; fn: () => void }): void {
    const index = this.timers.indexOf(timer);
    if (index >= 0) this.timers.splice(index, 1);
  }
  advance(ms: number): void {
    const target = this.nowMs + ms;
    for (;;) {
      const next = this.timers.filter(({ dueMs }) => dueMs <= target).toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      this.#drop(next);
      next.fn();
    }
    this.nowMs = target;
  }
}

class Recorder extends Expiring {
  readonly #name: string;
  readonly #log: string[];
  constructor(name: string, log: string[]) {
    super();
    this.#name = name;
    this.#log = log;
  }
  expire(): void {
    this.#log.push(this.#name);
  }
}

describe('Deadlines', () => {
  it('expires each call at its own time, in order', () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const log: string[] = [];
    deadlines.add(new Recorder('long', log), 500);
    deadlines.add(new Recorder('a', log), 100);
    clock.advance(50);
    deadlines.add(new Recorder('b', log), 100);
    clock.advance(49);
    expect(log).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(['a']);
    clock.advance(50);
    expect(log).toEqual(['a', 'b']);
    clock.advance(350);
    expect(log).toEqual(['a', 'b', 'long']);
  });

  it('never expires a call that was removed, wherever it stood in the list', () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const log: string[] = [];
    const calls = ['first', 'middle', 'last', 'kept'].map((name) => new Recorder(name, log));
    for (const call of calls) deadlines.add(call, 100);
    for (const call of calls.slice(0, 3)) deadlines.remove(call);
    deadlines.remove(calls[0] as Recorder);
    clock.advance(100);
    expect(log).toEqual(['kept']);
  });

  it('holds one timer for any number of calls with one timeout, and none when it has nothing to do', () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const calls = Array.from({ length: 1_000 }, (_, index) => new Recorder(String(index), []));
    for (const call of calls) deadlines.add(call, 100);
    expect(clock.timers).toHaveLength(1);
    for (const call of calls) deadlines.remove(call);
    clock.advance(100);
    expect(clock.timers).toHaveLength(0);
  });

  it('reads what has arrived before it expires anything, when its timer comes much too late', async () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock);
    const log: string[] = [];
    const answered = new Recorder('answered', log);
    deadlines.add(answered, 100);
    deadlines.add(new Recorder('silent', log), 100);
    clock.nowMs += 5_000;
    clock.timers.splice(0)[0]?.fn();
    expect(log).toEqual([]);
    deadlines.remove(answered);
    await new Promise(setImmediate);
    expect(log).toEqual(['silent']);
  });
});
