import type { Clock, Timer } from '../../../core/clock.js';
import { STALL_MS } from '../../../core/deadlines.js';

/** What the watchdog looks at. */
export interface Watched {
  /** For how long commands have been waiting while not a byte arrived; 0 when nothing waits. */
  silentMs(nowMs: number): number;
  /** For how long not a byte has arrived. */
  idleMs(nowMs: number): number;
  /** Asks for a sign of life: from now on something waits. */
  ping(): void;
  /** Tells of a silence that may be the beginning of the end. */
  worry(silentMs: number): void;
  /** Gives the connection up. */
  giveUp(silentMs: number): void;
}

export interface WatchdogOptions {
  /** Commands wait for this long and not a byte arrives: the connection is given up. */
  readonly unresponsiveAfterMs: number;
  /** Nothing has arrived for this long and nothing waits: the server is asked for a sign of life. */
  readonly heartbeatMs: number;
}

/**
 * Finds connections that are up and of no use: the peer froze, or the link swallows everything. TCP notices neither
 * while bytes are on their way, for many minutes.
 *
 * A look that comes late means that this process stood still: then what has arrived meanwhile is read first.
 */
export class Watchdog {
  readonly #watched: Watched;
  readonly #options: WatchdogOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(watched: Watched, options: WatchdogOptions, clock: Clock) {
    this.#watched = watched;
    this.#options = options;
    this.#clock = clock;
    this.#plan();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #plan(): void {
    const { unresponsiveAfterMs, heartbeatMs } = this.#options;
    const everyMs = Math.max(MIN_EVERY_MS, Math.min(unresponsiveAfterMs, heartbeatMs) / 4);
    const dueMs = this.#clock.monotonicMs() + everyMs;
    this.#timer = this.#clock.backgroundTimer(everyMs, () => {
      if (this.#clock.monotonicMs() - dueMs <= STALL_MS) this.#look();
      else setImmediate(() => this.#look());
    });
  }

  #look(): void {
    if (this.#timer === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const silentMs = this.#watched.silentMs(nowMs);
    if (silentMs >= this.#options.unresponsiveAfterMs) return this.#watched.giveUp(silentMs);
    if (silentMs >= this.#options.unresponsiveAfterMs / 2) this.#watched.worry(silentMs);
    if (silentMs === 0 && this.#watched.idleMs(nowMs) >= this.#options.heartbeatMs) this.#watched.ping();
    this.#plan();
  }
}

const MIN_EVERY_MS = 25;
