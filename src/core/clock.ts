/**
 * Time, as everything else receives it. The only file that touches `Date`, `performance` and timers, which is what
 * lets tests and the simulator run the same code on a virtual clock.
 */

/** A scheduled call. `cancel` may be called at any time, any number of times. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start. Never goes back, but may stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs`, and keeps the process alive until then: for waits that a caller awaits. */
  timer(delayMs: number, fn: () => void): Timer;
  /** Calls `fn` once after `delayMs`, without keeping the process alive: for housekeeping. */
  backgroundTimer(delayMs: number, fn: () => void): Timer;
}

/** Node clamps longer delays to 1 ms; ours are cut to this and the caller looks at its clock again. */
export const MAX_TIMER_MS = 2_147_483_647;

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(delayMs: number, fn: () => void, keepAlive: boolean) {
    this.#handle = setTimeout(fn, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    if (!keepAlive) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The real clock of this process. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  timer: (delayMs, fn) => new SystemTimer(delayMs, fn, true),
  backgroundTimer: (delayMs, fn) => new SystemTimer(delayMs, fn, false),
};

/** A time in milliseconds since the epoch as a Date, for those who receive it from us. */
export function toDate(epochMs: number): Date {
  return new Date(epochMs);
}
