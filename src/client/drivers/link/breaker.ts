import type { Settings } from '../../config/settings.js';

/**
 * Counts failures in a row. `open`: so many that commands are not to wait for the next attempt; `half-open` is not a
 * state of its own, because the attempts to connect, which go on in any case, are the probes.
 */
export class Breaker {
  readonly #limits: Settings['breaker'];
  #failures = 0;

  constructor(limits: Settings['breaker']) {
    this.#limits = limits;
  }

  get state(): 'closed' | 'open' {
    return this.#limits !== undefined && this.#failures >= this.#limits.failures ? 'open' : 'closed';
  }

  /** True when this failure opened it. */
  failed(): boolean {
    const before = this.state;
    this.#failures += 1;
    return before === 'closed' && this.state === 'open';
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
