import type { Clock } from '../../core/clock.js';
import type { Acquirer } from '../acquirer.js';
import { LockTimeoutError } from '../errors.js';
import type { Guard } from '../guard/guard.js';
import { DEFAULT_WAIT_MS, type Patience } from '../options.js';
import type { OneLock } from '../waiting/one-lock.js';
import { GuardOfSeveral } from './guard-of-several.js';

/**
 * Comes to hold several locks: all of them or none. First all are asked for at once, in one command where they may
 * travel in one. Where some are held by others, what was got in front of the first of them is kept, and the rest waited
 * for one after another, in the order of their keys: since everybody does it in that order, nobody waits in a circle.
 *
 * All guards then have one fence, the highest: it rises with every acquisition of each of the keys.
 */
export class SeveralLocks implements Acquirer {
  readonly #key: string;
  readonly #locks: readonly OneLock[];
  readonly #clock: Clock;

  /** @param locks in the order of their keys */
  constructor(key: string, locks: readonly [OneLock, ...OneLock[]]) {
    this.#key = key;
    this.#locks = locks;
    this.#clock = locks[0].terms.keeper.clock;
  }

  async granted(patience: Patience): Promise<GuardOfSeveral> {
    const { timeoutMs = DEFAULT_WAIT_MS, signal } = patience;
    const startedMs = this.#clock.monotonicMs();
    const leftMs = (): number => timeoutMs - (this.#clock.monotonicMs() - startedMs);
    for (let attempts = 1; ; attempts += 1) {
      const guards = await this.#first(patience);
      try {
        while (guards.length < this.#locks.length) {
          const next = this.#locks[guards.length] as OneLock;
          guards.push(await next.granted({ timeoutMs: Math.max(0, leftMs()), signal }));
        }
        const all = await this.#together(guards);
        if (all !== undefined) return all;
      } catch (error) {
        await releaseAll(guards);
        throw error;
      }
      // one was lost while another was waited for
      await releaseAll(guards);
      if (leftMs() > 0) continue;
      throw new LockTimeoutError({ key: this.#key, waitedMs: Math.round(timeoutMs - leftMs()), attempts });
    }
  }

  async once(patience: Patience): Promise<GuardOfSeveral | undefined> {
    const guards = await this.#first(patience);
    try {
      const all = guards.length === this.#locks.length ? await this.#together(guards) : undefined;
      if (all === undefined) await releaseAll(guards);
      return all;
    } catch (error) {
      await releaseAll(guards);
      throw error;
    }
  }

  holding<T>(_guard: GuardOfSeveral, fn: () => T): T {
    return fn();
  }

  /** Those in front of the first that others hold. */
  async #first({ timeoutMs, signal }: Patience): Promise<Guard[]> {
    const answers = await Promise.allSettled(this.#locks.map((lock) => lock.once({ timeoutMs, signal })));
    const guards = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
    const failure = answers.find((answer) => answer.status === 'rejected');
    const free = guards.indexOf(undefined);
    const kept = failure === undefined ? guards.slice(0, free === -1 ? guards.length : free) : [];
    await releaseAll(guards.slice(kept.length));
    if (failure !== undefined) throw failure.reason;
    return kept as Guard[];
  }

  /** Undefined when one of them is not held any more. */
  async #together(guards: readonly Guard[]): Promise<GuardOfSeveral | undefined> {
    let fence = 0n;
    for (const guard of guards) if (guard.fence > fence) fence = guard.fence;
    const lower = guards.filter((guard) => guard.fence < fence);
    const raised = await Promise.all(lower.map((guard) => guard.raise(fence)));
    return raised.every(Boolean) && guards.every((guard) => guard.check())
      ? new GuardOfSeveral(this.#key, fence, guards)
      : undefined;
  }
}

async function releaseAll(guards: readonly (Guard | undefined)[]): Promise<void> {
  await Promise.all(guards.filter((guard) => guard !== undefined).map((guard) => guard.release()));
}
