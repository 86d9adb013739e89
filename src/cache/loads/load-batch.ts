import { wrong } from '../../core/check.js';
import type { Clock } from '../../core/clock.js';
import type { LoadContext, ManyLoadContext, ManyLoader } from '../options.js';
import { Round, type Seat, type Wanted } from './round.js';

export interface BatchPlan<K> {
  readonly load: ManyLoader<unknown, K>;
  /** What the loader is called in errors. */
  readonly path: string;
  /** Keys per call of the loader. */
  readonly maxBatch: number;
  /** For calls that know nothing of each other, and are not to wait for each other for long. */
  readonly clock?: Clock;
}

/**
 * Makes one load of many. Each call has a seat in the round of its tick; when all calls of a round know whether they load
 * here or not, the loader is called for those that do. Keys that are to be loaded later, because another process did not
 * bring them, or in the background, are loaded as they come, those of one tick together.
 */
export class LoadBatch<K> {
  readonly #plan: BatchPlan<K>;
  #round: Round<K> | undefined;
  #seats = 0;
  #wanted: Wanted<K>[] = [];

  constructor(plan: BatchPlan<K>) {
    this.#plan = plan;
  }

  /** A seat in the round of this tick. */
  join(): Seat<K> {
    this.#round ??= this.#open();
    this.#seats += 1;
    return this.#round.join(this.#seats);
  }

  #open(): Round<K> {
    const { maxBatch, clock } = this.#plan;
    const round = new Round<K>({ maxBatch, clock, send: (wanted) => this.#send(wanted) });
    // after the promises that are settled in this tick: who asks because of them is one of us
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#round = undefined;
        round.close();
      }),
    );
    return round;
  }

  #send(wanted: readonly Wanted<K>[]): void {
    if (wanted.length === 0) return;
    if (this.#wanted.length === 0) process.nextTick(() => this.#loadAll());
    for (const one of wanted) this.#wanted.push(one);
  }

  #loadAll(): void {
    // as they were asked for, whichever node has answered first
    const wanted = this.#wanted.sort((one, other) => one.place - other.place);
    this.#wanted = [];
    for (const part of this.#parts(wanted)) void this.#load([...part.values()]);
  }

  /** What one call each is to load: no key twice, because each load of a key has a say of its own. */
  #parts(wanted: readonly Wanted<K>[]): readonly ReadonlyMap<string, Wanted<K>>[] {
    const parts: Map<string, Wanted<K>>[] = [];
    let part: Map<string, Wanted<K>> | undefined;
    for (const one of wanted) {
      const { key, signal } = one.context;
      if (signal.aborted) {
        one.reject(signal.reason);
        continue;
      }
      if (part === undefined || part.size >= this.#plan.maxBatch || part.has(key)) parts.push((part = new Map()));
      part.set(key, one);
    }
    return parts;
  }

  async #load(wanted: readonly Wanted<K>[]): Promise<void> {
    const { load, path } = this.#plan;
    try {
      const ids = wanted.map(({ id }) => id);
      const values: unknown = await load(ids, contextOf(wanted));
      if (!(values instanceof Map)) throw wrong(path, 'a function that returns a Map', values);
      for (const { id, resolve } of wanted) resolve(values.get(id));
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }
}

/** The signal aborts when nobody waits for any of the keys any more. */
function contextOf<K>(wanted: readonly Wanted<K>[]): ManyLoadContext<K> {
  const contexts = new Map(wanted.map(({ id, context }) => [id, context]));
  const nobody = new AbortController();
  const waiting = new Set<LoadContext>(contexts.values());
  for (const context of contexts.values()) {
    const leave = (): void => {
      waiting.delete(context);
      if (waiting.size === 0) nobody.abort(context.signal.reason);
    };
    context.signal.addEventListener('abort', leave, { once: true });
  }
  return {
    signal: nobody.signal,
    of: (id) => {
      const context = contexts.get(id);
      if (context === undefined) throw wrong('key', 'one of the keys to load', id);
      return context;
    },
  };
}
