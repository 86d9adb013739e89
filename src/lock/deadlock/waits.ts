import type { RedisManager } from '../../client/manager.js';
import type { KeySpace } from '../../core/key-space.js';
import type { LockPlace } from '../place.js';

/** For how long it is known what somebody waits for, unless that is said again. */
const KNOWN_MS = 5_000;
/** Longer chains are not followed. */
const LONGEST_CHAIN = 64;

/** What a holder waits for. */
export interface Wait {
  /** The Redis key of the lock. */
  readonly hash: string;
  /** By the server's clock. */
  readonly sinceMs: number;
}

/** A circle of holders that wait for each other. */
export interface Cycle {
  /** The Redis keys of the locks, that which is waited for here first. */
  readonly hashes: readonly string[];
  /** Who of the others began to wait last; undefined where there are no others. */
  readonly youngest: Wait | undefined;
}

/**
 * Who waits for what, for all to see: under the token of each lock that a waiter holds is written what it waits for. So
 * from a lock to its holder, from that to the lock it waits for, and so on, every circle is found by those who are in it.
 */
export class Waits {
  readonly #manager: RedisManager;
  readonly #space: KeySpace;
  readonly #place: LockPlace;

  constructor(manager: RedisManager, space: KeySpace, place: LockPlace) {
    this.#manager = manager;
    this.#space = space;
    this.#place = place;
  }

  async serverMs(): Promise<number> {
    const [seconds, micros] = await this.#manager.command<readonly [string, string]>(['TIME']);
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async tell(tokens: readonly string[], { hash, sinceMs }: Wait): Promise<void> {
    const value = `${sinceMs} ${hash}`;
    await Promise.all(tokens.map((token) => this.#manager.command(['SET', this.#key(token), value, 'PX', KNOWN_MS])));
  }

  async forget(tokens: readonly string[]): Promise<void> {
    await Promise.all(tokens.map((token) => this.#manager.command(['DEL', this.#key(token)])));
  }

  /** Follows who waits for whom. Undefined: it does not come back to one of these tokens. */
  async cycle(tokens: readonly string[], hash: string): Promise<Cycle | undefined> {
    const hashes = [hash];
    let youngest: Wait | undefined;
    for (let at = hash; hashes.length <= LONGEST_CHAIN;) {
      const token = (await this.#place.tenure(at))?.token;
      if (token === undefined) return undefined;
      if (tokens.includes(token)) return { hashes, youngest };
      const next = await this.#of(token);
      if (next === undefined || hashes.includes(next.hash)) return undefined;
      hashes.push(next.hash);
      if (youngest === undefined || isYounger(next, youngest)) youngest = next;
      at = next.hash;
    }
    return undefined;
  }

  async #of(token: string): Promise<Wait | undefined> {
    const [, sinceMs, hash] =
      /^(\d+) (.+)$/s.exec((await this.#manager.command<string | null>(['GET', this.#key(token)])) ?? '') ?? [];
    return hash === undefined ? undefined : { hash, sinceMs: Number(sinceMs) };
  }

  #key(token: string): string {
    return this.#space.own('waits', token);
  }
}

/** Whether one began to wait after the other; of two of one moment it is always the same one. */
export function isYounger(one: Wait, other: Wait): boolean {
  return one.sinceMs === other.sinceMs ? one.hash > other.hash : one.sinceMs > other.sinceMs;
}
