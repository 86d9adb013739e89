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
  /** Calls with different numbers never share a batch: in a cluster the slot of the call's key. Default: all share. */
  readonly groupOf?: ((call: C) => number) | undefined;
  /** Sends one batch and settles every call of it, in order. Must not throw. */
  readonly send: (batch: readonly PendingCall<C, R>[]) => void;
}

class Batch<C, R> {
  readonly calls: PendingCall<C, R>[] = [];
  weight = 0;
}

/**
 * Gathers the calls of one tick into batches, so that they share one command.
 *
 * A batch leaves when the microtasks of the current tick have run, which is before any I/O: a lone call waits for
 * nothing. Calls of one group keep their order within and across batches.
 */
export class Coalescer<C, R> {
  readonly #options: CoalescerOptions<C, R>;
  readonly #batches = new Map<number, Batch<C, R>>();
  readonly #onTick = (): void => this.flush();

  constructor(options: CoalescerOptions<C, R>) {
    this.#options = options;
  }

  add(call: C): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const { maxCalls, maxWeight, weigh, groupOf } = this.#options;
      const group = groupOf === undefined ? 0 : groupOf(call);
      let batch = this.#batches.get(group);
      if (batch === undefined) {
        // nextTick runs after every microtask that is already queued: callers woken by one reply join one batch
        if (this.#batches.size === 0) process.nextTick(this.#onTick);
        this.#batches.set(group, (batch = new Batch()));
      }
      batch.calls.push({ call, resolve, reject });
      batch.weight += weigh(call);
      if (batch.calls.length >= maxCalls || batch.weight >= maxWeight) this.#send(group, batch);
    });
  }

  /** Sends now what waits in a group, if a call that waits there matches: for what must come after it. */
  flushIf(group: number, matches: (waiting: C) => boolean): void {
    const batch = this.#batches.get(group);
    if (batch?.calls.some((waiting) => matches(waiting.call)) === true) this.#send(group, batch);
  }

  /** Sends what waits now: for a call that must come after those already made. */
  flush(): void {
    for (const [group, batch] of this.#batches) this.#send(group, batch);
  }

  #send(group: number, batch: Batch<C, R>): void {
    this.#batches.delete(group);
    this.#options.send(batch.calls);
  }
}
