import { wrong } from '../../core/check.js';
import type { LoadContext, ManyLoadContext, ManyLoader } from '../options.js';

/** One id that is ours to load, and the promise that waits for its value. */
interface Wanted<K> {
  readonly id: K;
  readonly context: LoadContext;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** A call that takes part in a batch. */
export type Ticket = symbol;

/**
 * Makes one load of many. Each call that takes part is undecided until its id is to be loaded here, or known not to be;
 * when none is, the loader is called for those that are. Ids that are to be loaded later, because another process did not
 * bring them, or in the background, are loaded as they come, those of one tick together.
 */
export class LoadBatch<K> {
  readonly #loader: ManyLoader<unknown, K>;
  readonly #maxIds: number;
  readonly #undecided = new Set<Ticket>();
  #wanted: Wanted<K>[] = [];
  #isPlanned = false;

  /** @param maxIds how many one call of the loader gets at most */
  constructor(loader: ManyLoader<unknown, K>, maxIds: number) {
    this.#loader = loader;
    this.#maxIds = maxIds;
  }

  /** A call takes part. */
  enter(): Ticket {
    const ticket = Symbol('call');
    this.#undecided.add(ticket);
    return ticket;
  }

  /** The id is to be loaded here. */
  load(ticket: Ticket, id: K, context: LoadContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ id, context, resolve, reject });
      this.decided(ticket);
    });
  }

  /** Its value is there, or somebody else is loading it. */
  decided(ticket: Ticket): void {
    this.#undecided.delete(ticket);
    if (this.#undecided.size > 0 || this.#wanted.length === 0 || this.#isPlanned) return;
    this.#isPlanned = true;
    process.nextTick(() => this.#runAll());
  }

  #runAll(): void {
    this.#isPlanned = false;
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let from = 0; from < wanted.length; from += this.#maxIds) {
      void this.#run(wanted.slice(from, from + this.#maxIds));
    }
  }

  async #run(wanted: readonly Wanted<K>[]): Promise<void> {
    try {
      const ids = wanted.map(({ id }) => id);
      const values: unknown = await this.#loader(ids, contextOf(wanted));
      if (!(values instanceof Map)) throw wrong('load', 'a function that returns a Map', values);
      for (const { id, resolve } of wanted) resolve(values.get(id));
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }
}

/** The signal aborts when nobody waits for any of the ids any more. */
function contextOf<K>(wanted: readonly Wanted<K>[]): ManyLoadContext<K> {
  const contexts = new Map(wanted.map(({ id, context }) => [id, context]));
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
    of: (id) => {
      const context = contexts.get(id);
      if (context === undefined) throw wrong('key', 'one of those to load', id);
      return context;
    },
  };
}
