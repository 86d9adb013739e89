import type { Clock, Timer } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';

/** 2026-01-01T00:00:00Z: a start that makes times readable and runs repeatable. */
const DEFAULT_START_MS = 1_767_225_600_000;

interface Scheduled {
  readonly atMs: number;
  readonly fn: () => void;
}

/**
 * A clock that moves only when told to, for tests and simulations: give the same one to `EmbeddedRedis` and to
 * `RedisManager.connect`, and a day passes in a moment.
 *
 * Wall and monotonic time move together. Its timers hold no process.
 */
export class VirtualClock implements Clock {
  readonly #startMs: number;
  readonly #timers = new Set<Scheduled>();
  #elapsedMs = 0;

  /** @param options.startMs the wall clock at the start, in epoch milliseconds; default: 2026-01-01T00:00:00Z */
  constructor(options: { readonly startMs?: number | undefined } = {}) {
    this.#startMs = options.startMs ?? DEFAULT_START_MS;
  }

  wallMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  timer(delayMs: number, fn: () => void): Timer {
    const scheduled = { atMs: this.#elapsedMs + Math.max(delayMs, 0), fn };
    this.#timers.add(scheduled);
    return { cancel: () => void this.#timers.delete(scheduled) };
  }

  backgroundTimer(delayMs: number, fn: () => void): Timer {
    return this.timer(delayMs, fn);
  }

  /**
   * Moves time forward, stopping at each timer that falls due, in order. After each one the promises that it set in
   * motion run on before time moves further, so that what they schedule falls due in its turn.
   *
   * Without timers on the way, time has moved when the call returns; in any case when its promise resolves.
   */
  async advance(duration: Duration): Promise<void> {
    const untilMs = this.#elapsedMs + toMs(duration, 'duration', { min: 0 });
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      next.fn();
      await settled();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  #nextDue(untilMs: number): Scheduled | undefined {
    let next: Scheduled | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    return next;
  }
}

/** Resolves when the microtasks of this turn, and those that they start, have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
