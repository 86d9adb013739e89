import { AsyncLocalStorage } from 'node:async_hooks';

import type { Acquirer, OwnGuard } from '../acquirer.js';
import type { OneLock } from '../waiting/one-lock.js';
import type { Patience } from '../options.js';
import { DeadlockWatch } from './deadlock-watch.js';
import type { Waits } from './waits.js';

/** What is held where this code runs, of locks that are watched. */
interface Holding {
  readonly guard: OwnGuard;
  readonly outer: Holding | undefined;
}

const holdings = new AsyncLocalStorage<Holding>();

/** Finds out when whoever holds locks, by `run`, waits for one that cannot become free before it lets go of them. */
export class DeadlockAware implements Acquirer {
  readonly #lock: OneLock;
  readonly #waits: Waits;

  constructor(lock: OneLock, waits: Waits) {
    this.#lock = lock;
    this.#waits = waits;
  }

  async granted(patience: Patience): Promise<OwnGuard> {
    const tokens = heldTokens();
    if (tokens.length === 0) return this.#lock.granted(patience);
    const watch = new DeadlockWatch(this.#lock.terms, this.#waits, tokens);
    const { signal } = patience;
    try {
      const both = signal === undefined ? watch.signal : AbortSignal.any([signal, watch.signal]);
      return await this.#lock.granted({ ...patience, signal: both });
    } finally {
      watch.end();
    }
  }

  once(patience: Patience): Promise<OwnGuard | undefined> {
    return this.#lock.once(patience);
  }

  holding<T>(guard: OwnGuard, fn: () => T): T {
    return holdings.run({ guard, outer: holdings.getStore() }, fn);
  }
}

function heldTokens(): string[] {
  const tokens: string[] = [];
  for (let each = holdings.getStore(); each !== undefined; each = each.outer) {
    if (each.guard.remainingMs > 0) tokens.push(each.guard.token);
  }
  return tokens;
}
