import type { Clock, Timer } from '../../../src/core/clock.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Time moves only by `advance`; `stall` moves it without giving any timer its turn. */
export class VirtualClock implements Clock {
  nowMs = 1_000;
  #wallOffsetMs = 1_795_000_000_000;
  #order = 0;
  readonly #timers = new Set<Due>();

  wallMs(): number {
    return this.nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  timer(delayMs: number, fn: () => void): Timer {
    const due = { atMs: this.nowMs + Math.max(0, delayMs), order: (this.#order += 1), fn };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  backgroundTimer(delayMs: number, fn: () => void): Timer {
    return this.timer(delayMs, fn);
  }

  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  stall(ms: number): void {
    this.nowMs += ms;
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.fn();
      await settle();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
    await settle();
  }
}

/** Lets everything run that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
