import { List } from './list.js';
import { ErrorReply, WRONG_TYPE } from './reply.js';
import { SortedSet } from './sorted-set.js';

export type Value = string | Map<string, string> | List | Set<string> | SortedSet;

export interface Entry {
  value: Value;
  /** Epoch milliseconds after which the key is gone; infinite without expiry. */
  expiresAtMs: number;
  /** Rises with each new key: the order of `SCAN`. */
  readonly serial: number;
}

export const NEVER = Infinity;

/** What a database needs from its engine. */
export interface KeyspaceHost {
  /** The time of the command under way. */
  readonly nowMs: number;
  /** Told of every key that was changed or deleted. */
  keyChanged(database: Keyspace, key: string): void;
  /** Told of every key whose time had come. */
  keyExpired(database: Keyspace, key: string): void;
  /** Told of the keys that were there when all were removed. */
  flushed(database: Keyspace, keys: readonly string[]): void;
}

/** Keys looked at for expiry with each new key, so that what nobody asks for does not stay for ever. */
const SWEEP = 2;

/** One database: keys with their values and expiry. An expired key is removed when it is next looked at. */
export class Keyspace {
  readonly index: number;
  readonly #host: KeyspaceHost;
  readonly #entries = new Map<string, Entry>();
  #serial = 0;
  #sweep: IterableIterator<[string, Entry]> = this.#entries.entries();
  #scan: { cursor: number; rest: IterableIterator<[string, Entry]> } | undefined;

  constructor(index: number, host: KeyspaceHost) {
    this.index = index;
    this.#host = host;
  }

  /** The entry of a key that exists now. */
  find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // a key lives through the millisecond of its expiry, as on a server
    return this.#host.nowMs > entry.expiresAtMs ? this.#expire(key) : entry;
  }

  string(key: string): string | undefined {
    const value = this.find(key)?.value;
    return value === undefined || typeof value === 'string' ? value : wrongType();
  }

  hash(key: string): Map<string, string> | undefined {
    const value = this.find(key)?.value;
    return value === undefined || value instanceof Map ? value : wrongType();
  }

  list(key: string): List | undefined {
    const value = this.find(key)?.value;
    return value === undefined || value instanceof List ? value : wrongType();
  }

  set(key: string): Set<string> | undefined {
    const value = this.find(key)?.value;
    return value === undefined || value instanceof Set ? value : wrongType();
  }

  sortedSet(key: string): SortedSet | undefined {
    const value = this.find(key)?.value;
    return value === undefined || value instanceof SortedSet ? value : wrongType();
  }

  /** Stores a value with an expiry of its own. */
  put(key: string, value: Value, expiresAtMs: number = NEVER): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#insert(key, value, expiresAtMs);
    else {
      entry.value = value;
      entry.expiresAtMs = expiresAtMs;
    }
    this.#host.keyChanged(this, key);
  }

  /** Stores a string and leaves the expiry as it is. */
  replace(key: string, value: string): void {
    this.put(key, value, this.find(key)?.expiresAtMs ?? NEVER);
  }

  /** Adds an empty collection, which the caller fills and then reports with `changed`. */
  create<T extends Value>(key: string, value: T): T {
    this.#insert(key, value, NEVER);
    return value;
  }

  /** To call after a collection was changed in place: empty ones are removed. */
  changed(key: string, remaining: number): void {
    if (remaining === 0) this.#entries.delete(key);
    this.#host.keyChanged(this, key);
  }

  /** Sets when a key ends; a time that has come removes it. */
  expireAt(key: string, entry: Entry, atMs: number): void {
    if (atMs <= this.#host.nowMs) this.#entries.delete(key);
    else entry.expiresAtMs = atMs;
    this.#host.keyChanged(this, key);
  }

  delete(key: string): boolean {
    if (this.find(key) === undefined) return false;
    this.#entries.delete(key);
    this.#host.keyChanged(this, key);
    return true;
  }

  clear(): void {
    const keys = [...this.#entries.keys()];
    this.#entries.clear();
    this.#host.flushed(this, keys);
  }

  /** All keys that exist now. */
  keys(): string[] {
    const keys: string[] = [];
    for (const [key] of this.#entries) if (this.find(key) !== undefined) keys.push(key);
    return keys;
  }

  get size(): number {
    return this.keys().length;
  }

  get expiring(): number {
    let count = 0;
    for (const { expiresAtMs } of this.#entries.values()) if (expiresAtMs !== NEVER) count += 1;
    return count;
  }

  /** Up to `count` keys after a cursor, and the next cursor: 0 at the end. Keys that stay are given exactly once. */
  scan(cursor: number, count: number): { cursor: number; keys: string[] } {
    const rest = this.#scan?.cursor === cursor && cursor !== 0 ? this.#scan.rest : this.#after(cursor);
    const keys: string[] = [];
    for (let seen = 0; seen < count; seen += 1) {
      const step = rest.next();
      if (step.done === true) return { cursor: 0, keys };
      const [key, entry] = step.value;
      if (this.find(key) !== undefined) keys.push(key);
      this.#scan = { cursor: entry.serial, rest };
    }
    return { cursor: this.#scan?.cursor ?? 0, keys };
  }

  #after(cursor: number): IterableIterator<[string, Entry]> {
    const entries = this.#entries;
    return (function* later(): Generator<[string, Entry]> {
      for (const pair of entries) if (pair[1].serial > cursor) yield pair;
    })();
  }

  #insert(key: string, value: Value, expiresAtMs: number): void {
    this.#serial += 1;
    this.#entries.set(key, { value, expiresAtMs, serial: this.#serial });
    this.#sweepSome();
  }

  #sweepSome(): void {
    for (let looked = 0; looked < SWEEP; looked += 1) {
      const step = this.#sweep.next();
      if (step.done === true) {
        this.#sweep = this.#entries.entries();
        return;
      }
      this.find(step.value[0]);
    }
  }

  #expire(key: string): undefined {
    this.#entries.delete(key);
    this.#host.keyExpired(this, key);
  }
}

function wrongType(): never {
  throw new ErrorReply(WRONG_TYPE);
}
