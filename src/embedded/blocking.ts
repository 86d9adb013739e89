import type { Keyspace } from './keyspace.js';
import type { EngineReply } from './reply.js';

/** A command that waits for one of its keys. */
export class Waiter {
  readonly database: Keyspace;
  readonly keys: readonly string[];
  /** How long it may wait; undefined for ever. */
  readonly timeoutMs: number | undefined;
  /** Tries again; undefined when there is still nothing. */
  readonly attempt: () => EngineReply | undefined;
  /** Set by the connection that waits. Called at most once. */
  settle: (reply: EngineReply) => void = () => {};
  /** Called when it waits no longer, for whatever reason. */
  removed: () => void = () => {};

  constructor(
    place: { database: Keyspace; keys: readonly string[]; timeoutMs: number | undefined },
    attempt: () => EngineReply | undefined,
  ) {
    this.database = place.database;
    this.keys = place.keys;
    this.timeoutMs = place.timeoutMs;
    this.attempt = attempt;
  }
}

/** Waiters by key, each key's in the order in which they came. */
export class Blocking {
  readonly #waiting = new Map<Keyspace, Map<string, Set<Waiter>>>();
  readonly #ready = new Map<Keyspace, Set<string>>();
  readonly #all = new Set<Waiter>();

  /** Commands that wait now. */
  get count(): number {
    return this.#all.size;
  }

  add(waiter: Waiter): void {
    this.#all.add(waiter);
    let byKey = this.#waiting.get(waiter.database);
    if (byKey === undefined) this.#waiting.set(waiter.database, (byKey = new Map()));
    for (const key of waiter.keys) {
      const waiters = byKey.get(key);
      if (waiters === undefined) byKey.set(key, new Set([waiter]));
      else waiters.add(waiter);
    }
  }

  remove(waiter: Waiter): void {
    this.#all.delete(waiter);
    const byKey = this.#waiting.get(waiter.database);
    for (const key of waiter.keys) {
      const waiters = byKey?.get(key);
      waiters?.delete(waiter);
      if (waiters?.size === 0) byKey?.delete(key);
    }
    if (byKey?.size === 0) this.#waiting.delete(waiter.database);
    waiter.removed();
  }

  /** Notes that a key has changed, if anybody waits for it. */
  keyChanged(database: Keyspace, key: string): void {
    if (this.#waiting.size === 0 || this.#waiting.get(database)?.has(key) !== true) return;
    const keys = this.#ready.get(database);
    if (keys === undefined) this.#ready.set(database, new Set([key]));
    else keys.add(key);
  }

  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Serves those who wait for keys that have changed, once the command that changed them has ended. */
  serve(): void {
    while (this.#ready.size > 0) {
      const ready = [...this.#ready];
      this.#ready.clear();
      for (const [database, keys] of ready) {
        for (const key of keys) this.#serveKey(database, key);
      }
    }
  }

  #serveKey(database: Keyspace, key: string): void {
    for (const waiter of this.#waiting.get(database)?.get(key) ?? []) {
      const reply = waiter.attempt();
      if (reply === undefined) return;
      this.remove(waiter);
      waiter.settle(reply);
    }
  }
}
