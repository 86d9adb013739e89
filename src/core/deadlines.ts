import type { Clock, Timer } from './clock.js';

/** Something that has a deadline. The links belong to `Deadlines`, which keeps it in a list without allocating. */
export abstract class Expiring {
  /** @internal */ dueMs = 0;
  /** @internal */ list: DeadlineList | undefined = undefined;
  /** @internal */ before: Expiring | undefined = undefined;
  /** @internal */ after: Expiring | undefined = undefined;

  /**
   * Called once when the deadline has passed. Must not throw.
   * @param stalled this process stood still around the deadline
   */
  abstract expire(stalled: boolean): void;
}

/** Calls with one and the same timeout: each new one is due last, so the list is in order by itself. */
class DeadlineList {
  head: Expiring | undefined;
  tail: Expiring | undefined;
  timer: Timer | undefined;
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }
}

/**
 * Deadlines of many calls at the cost of two pointer writes each: one list and at most one timer per distinct timeout
 * (the method of Node's own timers, without an object per call). The timers do not keep the process alive.
 *
 * A timer that comes much too late means that the event loop stood still: then replies that have already arrived are
 * read first, and only what is still unanswered expires.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #lists = new Map<number, DeadlineList>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(call: Expiring, timeoutMs: number): void {
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) this.#lists.set(timeoutMs, (list = new DeadlineList(timeoutMs)));
    call.dueMs = this.#clock.monotonicMs() + timeoutMs;
    call.list = list;
    call.before = list.tail;
    if (list.tail === undefined) list.head = call;
    else list.tail.after = call;
    list.tail = call;
    if (list.timer === undefined) this.#arm(list, timeoutMs);
  }

  /** Takes a call out; does nothing when it is not in. */
  remove(call: Expiring): void {
    const list = call.list;
    if (list === undefined) return;
    if (call.before === undefined) list.head = call.after;
    else call.before.after = call.after;
    if (call.after === undefined) list.tail = call.before;
    else call.after.before = call.before;
    call.list = call.before = call.after = undefined;
  }

  /** Cancels every timer. What is still in stays in and never expires. */
  stop(): void {
    for (const list of this.#lists.values()) list.timer?.cancel();
    this.#lists.clear();
  }

  #arm(list: DeadlineList, delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    list.timer = this.#clock.backgroundTimer(delayMs, () => {
      const lateMs = this.#clock.monotonicMs() - dueMs;
      if (lateMs > STALL_MS) setImmediate(() => this.#sweep(list, true));
      else this.#sweep(list, false);
    });
  }

  #sweep(list: DeadlineList, stalled: boolean): void {
    const nowMs = this.#clock.monotonicMs();
    while (list.head !== undefined && list.head.dueMs <= nowMs) {
      const call = list.head;
      this.remove(call);
      call.expire(stalled);
    }
    list.timer = undefined;
    if (list.head === undefined) this.#lists.delete(list.timeoutMs);
    else this.#arm(list, list.head.dueMs - nowMs);
  }
}

/** A timer this late was held up by the event loop, not by the timer's own coarseness. */
export const STALL_MS = 50;
