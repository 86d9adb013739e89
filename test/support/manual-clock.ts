import type { Clock, Timer } from '../../src/core/clock.js';

interface Alarm {
  readonly atMs: number;
  readonly fn: () => void;
}

/** A clock that moves only when told, and then runs what is due, in order. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #alarms = new Set<Alarm>();
  readonly #epochMs: number;

  constructor(epochMs = 1_700_000_000_000) {
    this.#epochMs = epochMs;
  }

  wallMs(): number {
    return this.#epochMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, fn: () => void): Timer {
    const alarm: Alarm = { atMs: this.#nowMs + delayMs, fn };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  backgroundTimer(delayMs: number, fn: () => void): Timer {
    return this.timer(delayMs, fn);
  }

  /** How many timers are set. */
  get armed(): number {
    return this.#alarms.size;
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let due = this.#next(untilMs); due !== undefined; due = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      this.#alarms.delete(due);
      due.fn();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.atMs <= untilMs && (next === undefined || alarm.atMs < next.atMs)) next = alarm;
    }
    return next;
  }
}
