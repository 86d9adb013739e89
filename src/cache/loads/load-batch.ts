import { wrong } from '../../core/check.js';
import type { LoadContext, ManyLoadContext, ManyLoader } from '../options.js';

/** One key that is ours to load, and the promise that waits for its value. */
interface Wanted {
  readonly key: string;
  readonly context: LoadContext;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Makes one load of many. Each key is undecided until it is to be loaded here, or known not to be; when none is, the
 * loader is called for those that are. Keys that are to be loaded later, because another process did not bring them,
 * or in the background, are loaded as they come, those of one tick together.
 */
export class LoadBatch {
  readonly #loader: ManyLoader<unknown>;
  readonly #undecided: Set<string>;
  #wanted: Wanted[] = [];
  #isPlanned = false;

  constructor(loader: ManyLoader<unknown>, keys: Iterable<string>) {
    this.#loader = loader;
    this.#undecided = new Set(keys);
  }

  /** The key is to be loaded here. */
  load(key: string, context: LoadContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ key, context, resolve, reject });
      this.decided(key);
    });
  }

  /** The key is there, or somebody else is loading it. */
  decided(key: string): void {
    this.#undecided.delete(key);
    if (this.#undecided.size > 0 || this.#wanted.length === 0 || this.#isPlanned) return;
    this.#isPlanned = true;
    process.nextTick(() => void this.#run());
  }

  async #run(): Promise<void> {
    this.#isPlanned = false;
    const wanted = this.#wanted;
    this.#wanted = [];
    try {
      const keys = wanted.map(({ key }) => key);
      const values: unknown = await this.#loader(keys, contextOf(wanted));
      if (!(values instanceof Map)) throw wrong('load', 'a function that returns a Map', values);
      for (const { key, resolve } of wanted) resolve(values.get(key));
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }
}

/** The signal aborts when nobody waits for any of the keys any more. */
function contextOf(wanted: readonly Wanted[]): ManyLoadContext {
  const contexts = new Map(wanted.map(({ key, context }) => [key, context]));
  const nobody = new AbortController();
  const waiting = new Set(contexts.values());
  for (const context of contexts.values()) {
    const leave = (): void => {
      waiting.delete(context);
      if (waiting.size === 0) nobody.abort(context.signal.reason);
    };
    if (context.signal.aborted) leave();
    else context.signal.addEventListener('abort', leave, { once: true });
  }
  return {
    signal: nobody.signal,
    of: (key) => {
      const context = contexts.get(key);
      if (context === undefined) throw wrong('key', 'one of the keys to load', key);
      return context;
    },
  };
}
