/** One call that waits to travel with others, and the promise that it will settle. */
export interface PendingCall<C, R> {
  readonly call: C;
  readonly resolve: (result: R) => void;
  readonly reject: (reason: unknown) => void;
}

export interface CoalescerOptions<C, R> {
  /** A batch leaves early when it holds this many calls. */
  readonly maxCalls: number;
  /** A batch leaves early when its calls weigh this much together, as `weigh` tells. */
  readonly maxWeight: number;
  readonly weigh: (call: C) => number;
  /** Sends one batch and settles every call of it, in order. Must not throw. */
  readonly send: (batch: readonly PendingCall<C, R>[]) => void;
}

/**
 * Gathers the calls of one tick into batches, so that they share one command.
 *
 * A batch leaves when the microtasks of the current tick have run, which is before any I/O: a lone call waits for
 * nothing. Calls keep their order within and across batches.
 */
export class Coalescer<C, R> {
  readonly #options: CoalescerOptions<C, R>;
  #batch: PendingCall<C, R>[] = [];
  #weight = 0;
  readonly #onTick = (): void => this.flush();

  constructor(options: CoalescerOptions<C, R>) {
    this.#options = options;
  }

  add(call: C): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      // nextTick runs after every microtask that is already queued: callers woken by one reply join one batch
      if (this.#batch.length === 0) process.nextTick(this.#onTick);
      this.#batch.push({ call, resolve, reject });
      this.#weight += this.#options.weigh(call);
      if (this.#batch.length >= this.#options.maxCalls || this.#weight >= this.#options.maxWeight) this.flush();
    });
  }

  /** The calls that wait for the end of this tick. */
  get waiting(): readonly PendingCall<C, R>[] {
    return this.#batch;
  }

  /** Sends what waits now: for a call that must come after those already made. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#weight = 0;
    this.#options.send(batch);
  }
}
