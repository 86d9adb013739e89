import { jitteredDelay } from '../../core/backoff.js';
import type { Clock, Timer } from '../../core/clock.js';
import { ServerError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';

/** An invalidation that could not be sent, or may not have arrived. */
export interface Invalidation {
  /** Of several with the same id, only the last one counts. */
  readonly id: string;
  /** The epoch of its namespace, for when there are too many to be kept one by one. */
  readonly epochKey: string;
  /** Sends it. Doing it twice does no harm. */
  readonly send: () => Promise<unknown>;
}

export interface JournalPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** There is no connection just now. */
  readonly isDown: () => boolean;
  /** Clears a namespace. */
  readonly clear: (epochKey: string) => Promise<unknown>;
  /** For an invalidation that is given up, because the server refuses it. */
  readonly report: (error: unknown) => void;
  /** Runs `last` when the connection is about to be closed; returns what revokes that. */
  readonly beforeClose: (last: () => Promise<void>) => () => void;
}

export interface JournalStats {
  /** Invalidations that wait to be sent again. */
  readonly pending: number;
  /** Those that were sent again, and are done. */
  readonly replayed: number;
}

const MAX_PENDING = 10_000;
/** For so long nobody tries again what has failed, if the connection is still down. */
const TRIED_MS = 50;
const RETRY = { baseMs: 200, maxMs: 5_000 } as const;

/**
 * Invalidations that failed because Redis did not answer, to be sent again when it does: without them it would go on
 * serving what it should not. They are sent before the next read of this process, in the same write, and by themselves
 * now and then. Beyond 10,000 the namespaces concerned are cleared instead. The journal is lost with the process.
 */
export class Journal {
  readonly #ports: JournalPorts;
  readonly #pending = new Map<string, Invalidation>();
  #attempt = 0;
  /** Why the last one failed, and when. */
  #failure: Error | undefined;
  #failedMs = 0;
  #retry: Timer | undefined;
  #replayed = 0;
  #isClosed = false;
  /** Present since there was something to send. */
  #revoke: (() => void) | undefined;

  constructor(ports: JournalPorts) {
    this.#ports = ports;
  }

  /**
   * To be called before a read is sent: what it reads is then what the invalidations have left. While Redis is away they
   * are not tried with every read: the read is then not to be sent either.
   * @returns why it is not to be sent
   */
  sendFirst(): Error | undefined {
    if (this.#pending.size === 0) return undefined;
    const { clock, isDown } = this.#ports;
    const isTried = this.#failure !== undefined && clock.monotonicMs() - this.#failedMs < TRIED_MS;
    if (isTried && isDown()) return this.#failure;
    this.#sendAll();
    return undefined;
  }

  /** Takes note of an invalidation that failed, unless the server refuses it for good. */
  add(invalidation: Invalidation, error: unknown): void {
    if (this.#isClosed || !isPassing(error)) return;
    this.#revoke ??= this.#ports.beforeClose(() => this.close());
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(invalidation.id)) this.#condense();
    this.#pending.set(invalidation.id, invalidation);
    this.#failure = error as Error;
    this.#failedMs = this.#ports.clock.monotonicMs();
    this.#sendLater();
  }

  /** It has become needless. */
  drop(id: string): void {
    if (this.#pending.size > 0) this.#pending.delete(id);
  }

  stats(): JournalStats {
    return { pending: this.#pending.size, replayed: this.#replayed };
  }

  /** Sends what is left for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#revoke?.();
    this.#retry?.cancel();
    const last = [...this.#pending.values()];
    this.#pending.clear();
    await Promise.allSettled(last.map(({ send }) => send()));
  }

  #sendAll(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    const batch = [...this.#pending.values()];
    this.#pending.clear();
    for (const invalidation of batch) void this.#send(invalidation);
  }

  async #send(invalidation: Invalidation): Promise<void> {
    try {
      await invalidation.send();
      this.#replayed += 1;
      this.#attempt = 0;
    } catch (error) {
      if (!isPassing(error)) return this.#ports.report(error);
      // one that came meanwhile is newer
      if (!this.#pending.has(invalidation.id)) this.add(invalidation, error);
    }
  }

  #sendLater(): void {
    if (this.#retry !== undefined) return;
    const delayMs = jitteredDelay(this.#attempt, RETRY, this.#ports.random);
    this.#attempt += 1;
    this.#retry = this.#ports.clock.backgroundTimer(delayMs, () => this.#sendAll());
  }

  /** One for each namespace. */
  #condense(): void {
    const namespaces = new Set([...this.#pending.values()].map(({ epochKey }) => epochKey));
    this.#pending.clear();
    for (const epochKey of namespaces) {
      this.#pending.set(epochKey, { id: epochKey, epochKey, send: () => this.#ports.clear(epochKey) });
    }
  }
}

/** Whether it may be otherwise the next time. */
function isPassing(error: unknown): boolean {
  return !(error instanceof ServerError) || error.retryable;
}
