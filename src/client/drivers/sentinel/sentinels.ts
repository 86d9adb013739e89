import type { Clock } from '../../../core/clock.js';
import type { Runtime } from '../../../core/runtime.js';
import { formatAddress } from '../../config/address.js';
import { describeTarget } from '../../config/target.js';
import type { Address, Settings, Target } from '../../config/settings.js';
import type { WireConnection } from '../wire/connection.js';
import { openWire } from '../wire/open.js';
import { askSentinel, type Word } from './answer.js';
import { Roster } from './roster.js';

export type SentinelTarget = Extract<Target, { readonly kind: 'sentinel' }>;

/** How one question to one sentinel ended. */
export interface Answer {
  readonly sentinel: Address;
  /** Undefined when it gave none, for the reason of `error`. */
  readonly word: Word | undefined;
  readonly error: Error | undefined;
}

/** A sentinel that has not answered for this long no longer holds up the next; its answer still counts. */
const HEAD_START_MS = 250;

/**
 * The sentinels of one primary: asks them one after the other, whoever answered last first, and tells fresh words from
 * old ones.
 *
 * A sentinel that stood still or was cut off while a primary was replaced goes on naming the old one until it hears of
 * the new one. Each replacement has a number that only rises (the configuration epoch), so that a word with a lower
 * number than one that was heard before is old.
 *
 * Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
 */
export class Sentinels {
  readonly #target: SentinelTarget;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #roster: Roster;
  readonly #asking = new Map<string, Promise<Answer>>();
  readonly #stop = new AbortController();
  #kept: { readonly key: string; readonly connection: WireConnection } | undefined;
  #newestEpoch = -1;

  constructor(target: SentinelTarget, settings: Settings, runtime: Runtime) {
    this.#target = target;
    this.#runtime = runtime;
    this.#roster = new Roster(target.sentinels);
    // half, so that there is time left to connect to the server that a slow one names
    const limitMs = Math.ceil(settings.connectTimeoutMs / 2);
    this.#settings = {
      ...settings,
      username: target.username,
      password: target.password,
      credentials: undefined,
      db: 0,
      clientName: undefined,
      connectTimeoutMs: limitMs,
      unresponsiveAfterMs: Math.min(settings.unresponsiveAfterMs, limitMs),
    };
  }

  get addresses(): readonly Address[] {
    return this.#roster.addresses;
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Asks all of them, one after the other, and gives the answers as they come: whoever has heard enough stops asking. */
  async *ask(signal: AbortSignal, onAsked: (sentinel: Address) => void): AsyncGenerator<Answer> {
    const next = [...this.#roster.addresses];
    const pending = new Map<string, Promise<Answer>>();
    while (next.length > 0 || pending.size > 0) {
      signal.throwIfAborted();
      const sentinel = next.shift();
      if (sentinel !== undefined) {
        onAsked(sentinel);
        pending.set(formatAddress(sentinel), this.#askShared(sentinel));
      }
      const limitMs = next.length > 0 ? HEAD_START_MS : undefined;
      const answer = await firstOf(pending.values(), { limitMs, signal, clock: this.#runtime.clock });
      if (answer === undefined) continue;
      pending.delete(formatAddress(answer.sentinel));
      yield answer;
    }
  }

  /** Asks on a connection that is open: 1 round trip. */
  async askOn(connection: WireConnection, sentinel: Address): Promise<Word> {
    const word = await askSentinel(connection, this.#target.master);
    if (word.primary !== undefined) this.#roster.answered(sentinel, word);
    return word;
  }

  /** A connection to a sentinel, which ends with `stop`. @throws ConnectionError */
  open(sentinel: Address): Promise<WireConnection> {
    const target = { kind: 'tcp', ...sentinel } as const;
    const settings = { ...this.#settings, target };
    const endpoint = describeTarget(settings);
    // there are no credentials that could need a refresh
    const ports = { ...this.#runtime, report: () => {} };
    return openWire({ ...settings, endpoint }, ports, this.#stop.signal);
  }

  /** From now on, and for as long as it lives, this connection carries the questions to that sentinel. */
  keep(sentinel: Address, connection: WireConnection): void {
    this.#kept = { key: formatAddress(sentinel), connection };
  }

  /** The kept connection to that sentinel was lost: the others are asked before it. */
  lost(sentinel: Address): void {
    this.#roster.lost(sentinel);
  }

  /** Compares a word with the newest that was heard, which it may become. */
  judge({ epoch }: Word): 'fresh' | 'old' {
    if (epoch === undefined) return 'fresh';
    if (epoch < this.#newestEpoch) return 'old';
    this.#newestEpoch = epoch;
    return 'fresh';
  }

  /**
   * What is to be believed when nobody has anything but old words. Numbers begin anew where the sentinels were set up
   * anew; so they are believed where most of them agree that they are that old, and no single one that missed a failover.
   */
  newestOf(old: readonly Word[]): Word | undefined {
    if (old.length === 0) return undefined;
    const ids = new Set(old.map(({ id }, index) => id ?? index));
    const size = 1 + Math.max(...old.map(({ peers }) => peers.length));
    if (ids.size * 2 <= size) return undefined;
    const newest = old.reduce((one, other) => ((other.epoch ?? 0) > (one.epoch ?? 0) ? other : one));
    this.#newestEpoch = newest.epoch ?? -1;
    return newest;
  }

  stop(): void {
    this.#stop.abort(new Error('the driver was destroyed'));
    this.#kept?.connection.destroy();
    this.#kept = undefined;
  }

  /** Callers that ask the same sentinel at the same time share one question. */
  #askShared(sentinel: Address): Promise<Answer> {
    const key = formatAddress(sentinel);
    const asked = this.#asking.get(key);
    if (asked !== undefined) return asked;
    const asking = this.#askOnce(sentinel)
      .then(
        (word): Answer => ({ sentinel, word, error: undefined }),
        (error: Error): Answer => ({ sentinel, word: undefined, error }),
      )
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #askOnce(sentinel: Address): Promise<Word> {
    const kept = this.#kept;
    if (kept?.connection.alive === true && kept.key === formatAddress(sentinel)) {
      return this.askOn(kept.connection, sentinel);
    }
    const connection = await this.open(sentinel);
    const giveUp = (): void => connection.destroy();
    this.#stop.signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await this.askOn(connection, sentinel);
    } finally {
      this.#stop.signal.removeEventListener('abort', giveUp);
      connection.destroy();
    }
  }
}

/** The first that comes; undefined when none has come within the limit. @throws the signal's reason */
function firstOf<T>(
  promises: Iterable<Promise<T>>,
  { limitMs, signal, clock }: { limitMs: number | undefined; signal: AbortSignal; clock: Clock },
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    const timer = limitMs === undefined ? undefined : clock.timer(limitMs, () => settle(() => resolve(undefined)));
    const settle = (how: () => void): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      how();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    for (const promise of promises) {
      promise.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    }
  });
}
