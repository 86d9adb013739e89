import { ConfigError } from '../../core/errors.js';
import type { CacheEntry } from '../entries/cache-entry.js';
import { type LoadContext, planLoaded, type WriteOptions, type WritePlan } from '../options.js';

/** Thrown by `notModified()`, so that it never returns. */
export class NotModified extends Error {
  override readonly name = 'NotModified';
}

/** What a loader is told, and what it has said. Its functions may be taken apart from it. */
export class LoadControl implements LoadContext {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly #stale: () => CacheEntry<unknown> | undefined;
  #plan: WritePlan;
  #verdict: 'store' | 'skip' | 'not-found' = 'store';

  constructor(
    key: string,
    signal: AbortSignal,
    { plan, stale }: { plan: WritePlan; stale: () => CacheEntry<unknown> | undefined },
  ) {
    this.key = key;
    this.signal = signal;
    this.#plan = plan;
    this.#stale = stale;
  }

  get stale(): CacheEntry<unknown> | undefined {
    return this.#stale();
  }

  /** How what it brings is to be stored. */
  get plan(): WritePlan {
    return this.#plan;
  }

  get verdict(): 'store' | 'skip' | 'not-found' {
    return this.#verdict;
  }

  readonly options = (options: WriteOptions): void => {
    this.#plan = planLoaded(options, this.#plan);
  };

  readonly skip = <V>(value: V): V => {
    this.#verdict = 'skip';
    return value;
  };

  readonly notFound = (): undefined => {
    this.#verdict = 'not-found';
    return undefined;
  };

  readonly notModified = (): never => {
    if (this.#stale() !== undefined) throw new NotModified();
    const expected = 'to be called only where there is a stale value (`stale` is not undefined)';
    throw new ConfigError([{ option: 'notModified()', expected, received: 'a load without one' }]);
  };
}
