import { AsyncLocalStorage } from 'node:async_hooks';

import type { Acquirer, OwnGuard } from '../acquirer.js';
import type { Patience } from '../options.js';
import { NestedGuard } from './nested-guard.js';

/** What is held where this code runs, the last first. */
interface Holding {
  readonly lock: string;
  readonly keeper: object;
  readonly guard: OwnGuard;
  readonly outer: Holding | undefined;
}

const holdings = new AsyncLocalStorage<Holding>();

/**
 * Whoever runs within `run` of the same lock of the same manager holds it already: it gets a further guard of the same
 * lease at once, without a round trip. That goes by the asynchronous context, so all that a function starts counts as
 * the holder, also what it does not wait for.
 */
export class Reentrant implements Acquirer {
  readonly #inner: Acquirer;
  readonly #lock: string;
  readonly #keeper: object;

  /** @param lock the Redis key */
  constructor(inner: Acquirer, lock: string, keeper: object) {
    this.#inner = inner;
    this.#lock = lock;
    this.#keeper = keeper;
  }

  async granted(patience: Patience): Promise<OwnGuard> {
    return this.#nested() ?? this.#inner.granted(patience);
  }

  async once(patience: Patience): Promise<OwnGuard | undefined> {
    return this.#nested() ?? this.#inner.once(patience);
  }

  holding<T>(guard: OwnGuard, fn: () => T): T {
    return holdings.run({ lock: this.#lock, keeper: this.#keeper, guard, outer: holdings.getStore() }, fn);
  }

  /** @throws LockLostError for a holder that has lost it: what it goes on with is not protected */
  #nested(): OwnGuard | undefined {
    for (let each = holdings.getStore(); each !== undefined; each = each.outer) {
      if (each.lock !== this.#lock || each.keeper !== this.#keeper || each.guard.state === 'released') continue;
      each.guard.assertHeld();
      return new NestedGuard(each.guard);
    }
    return undefined;
  }
}
