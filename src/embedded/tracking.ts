import type { Subscriber } from './pubsub.js';

/** What one connection is told of. */
interface Tracker {
  /** The keys that have changed since the last delivery, by the prefix that they have, with who changed them last. */
  readonly prefixes: ReadonlyMap<string, Map<string, Subscriber | undefined>>;
  /** Not of what the connection itself has changed. */
  readonly noLoop: boolean;
  isFlushed: boolean;
}

/**
 * Who is told of changed keys: `CLIENT TRACKING` in its BCAST mode. As on a server, what changes in one turn of the
 * event loop is told at its end, each key once for each prefix; keys of all databases are meant, by their name alone.
 */
export class Tracking {
  readonly #trackers = new Map<Subscriber, Tracker>();
  #isPlanned = false;
  /** Whose command is under way. */
  actor: Subscriber | undefined;

  /** Undefined for one that does not track. */
  of(subscriber: Subscriber): { readonly prefixes: readonly string[]; readonly noLoop: boolean } | undefined {
    const tracker = this.#trackers.get(subscriber);
    return tracker && { prefixes: [...tracker.prefixes.keys()], noLoop: tracker.noLoop };
  }

  /** Adds prefixes to those that are tracked already. */
  start(subscriber: Subscriber, prefixes: readonly string[], noLoop: boolean): void {
    const known = this.#trackers.get(subscriber);
    const all = new Map(known?.prefixes);
    for (const prefix of prefixes) if (!all.has(prefix)) all.set(prefix, new Map());
    const sorted = new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    this.#trackers.set(subscriber, { prefixes: sorted, noLoop, isFlushed: known?.isFlushed ?? false });
  }

  stop(subscriber: Subscriber): void {
    this.#trackers.delete(subscriber);
  }

  /** @param actor who changed it; undefined when its time had come */
  keyChanged(key: string, actor: Subscriber | undefined): void {
    for (const { prefixes } of this.#trackers.values()) {
      for (const [prefix, changed] of prefixes) {
        if (!key.startsWith(prefix)) continue;
        changed.set(key, actor);
        this.#plan();
      }
    }
  }

  /** All keys of a database have gone. Servers do not say of which. */
  flushed(): void {
    for (const tracker of this.#trackers.values()) {
      tracker.isFlushed = true;
      this.#plan();
    }
  }

  #plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#isPlanned = false;
    for (const [subscriber, tracker] of [...this.#trackers]) {
      if (tracker.isFlushed) subscriber.invalidate?.(null);
      tracker.isFlushed = false;
      for (const changed of tracker.prefixes.values()) {
        const keys = [...changed].filter(([, actor]) => !(tracker.noLoop && actor === subscriber));
        changed.clear();
        if (keys.length > 0) subscriber.invalidate?.(keys.map(([key]) => key).toSorted());
      }
    }
  }
}
