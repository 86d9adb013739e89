/** Replies that settle within one turn of the event loop before the rest wait for the next. */
const PER_TURN = 1024;

/**
 * Settles replies without waiting, but lets timers and I/O have their turn: a loop that awaits one command after
 * another would otherwise run in microtasks only, and stop everything else in the process for as long as it lasts.
 */
export class Turn {
  #settled = 0;
  #isScheduled = false;
  #held: (() => void)[] = [];

  /** True when the reply may settle now. Otherwise it belongs into `hold`. */
  take(): boolean {
    this.#schedule();
    if (this.#settled >= PER_TURN) return false;
    this.#settled += 1;
    return true;
  }

  hold(settle: () => void): void {
    this.#held.push(settle);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#settled = 0;
      const held = this.#held;
      this.#held = [];
      for (const settle of held) settle();
    });
  }
}
