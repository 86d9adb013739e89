import type { RedisManager } from '../../../src/client/manager.js';
import { ClosedError, ConnectionError, ServerError, TimeoutError } from '../../../src/core/errors.js';

/** What became of the increments of one key. */
interface Count {
  acknowledged: number;
  /** The server may have run it. */
  unknown: number;
}

/** One call that failed. */
export interface Failure {
  readonly key: string;
  readonly error: unknown;
  /** How long the call took to fail. */
  readonly tookMs: number;
  /** When it failed, on the clock of `performance`. */
  readonly atMs: number;
}

/** Waits for a turn of the event loop: a caller that goes on at once when it is refused holds nobody up. */
const turn = (): Promise<void> => new Promise(setImmediate);

/**
 * Callers that increment keys, one call at a time each, and keep the books on what they were told. They go on whatever
 * that is, unless the manager is closed.
 */
export class CountingLoad {
  readonly failures: Failure[] = [];
  slowestMs = 0;
  readonly #manager: RedisManager;
  readonly #counts = new Map<string, Count>();
  readonly #callers: Promise<void>[] = [];
  #isStopped = false;

  private constructor(manager: RedisManager) {
    this.#manager = manager;
  }

  /** Begins, with each caller on the next of the keys. */
  static start(manager: RedisManager, keys: readonly string[], callers: number): CountingLoad {
    const load = new CountingLoad(manager);
    for (const key of keys) load.#counts.set(key, { acknowledged: 0, unknown: 0 });
    for (let index = 0; index < callers; index += 1) {
      load.#callers.push(load.#call(keys[index % keys.length] as string));
    }
    return load;
  }

  /** Calls that were answered so far; of one key, or of all. */
  acknowledged(key?: string): number {
    if (key !== undefined) return this.#counts.get(key)?.acknowledged ?? 0;
    return [...this.#counts.values()].reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Makes no more calls, and resolves when the last one has settled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#callers);
  }

  /** What the server has for each key beside what it may have. */
  async audit(): Promise<readonly { key: string; least: number; value: number; most: number }[]> {
    const keys = [...this.#counts.keys()];
    const values = await Promise.all(keys.map((key) => this.#manager.command<string | null>(['GET', key])));
    return keys.map((key, index) => {
      const { acknowledged, unknown } = this.#counts.get(key) as Count;
      return { key, least: acknowledged, value: Number(values[index]), most: acknowledged + unknown };
    });
  }

  async #call(key: string): Promise<void> {
    const count = this.#counts.get(key) as Count;
    while (!this.#isStopped) {
      const sinceMs = performance.now();
      try {
        await this.#manager.command(['INCR', key]);
        count.acknowledged += 1;
      } catch (error) {
        if (mayHaveRun(error)) count.unknown += 1;
        const atMs = performance.now();
        this.failures.push({ key, error, tookMs: atMs - sinceMs, atMs });
        if (error instanceof ClosedError) return;
        await turn();
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - sinceMs);
    }
  }
}

function mayHaveRun(error: unknown): boolean {
  if (error instanceof ServerError) return false;
  return !(error instanceof ConnectionError || error instanceof TimeoutError) || error.outcome === 'unknown';
}
