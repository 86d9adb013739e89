import type { Clock, Timer } from '../core/clock.js';
import { ClosedError, PoolTimeoutError } from '../core/errors.js';
import type { Settings } from './settings.js';
import type { Connection } from './driver.js';

/** Counts of the pool of dedicated connections. */
export interface PoolStats {
  /** Connections that exist or are being made. */
  readonly size: number;
  readonly idle: number;
  /** Callers that wait for one. */
  readonly waiting: number;
  readonly max: number;
}

export interface PoolPorts {
  readonly endpoint: string;
  readonly clock: Clock;
  readonly open: (signal: AbortSignal | undefined) => Promise<Connection>;
}

interface Waiter {
  readonly wake: (connection: Connection | undefined) => void;
}

/**
 * At most `max` dedicated connections, made when they are asked for, lent to one user at a time, first come first
 * served. One that has ended, or that its user left in a changed state, is not lent again.
 */
export class Pool {
  readonly #limits: Settings['pool'];
  readonly #ports: PoolPorts;
  readonly #idle: { connection: Connection; sinceMs: number }[] = [];
  readonly #lent = new Set<Connection>();
  readonly #waiters = new Set<Waiter>();
  readonly #stop = new AbortController();
  #opening = 0;
  #reaper: Timer | undefined;

  constructor(limits: Settings['pool'], ports: PoolPorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  stats(): PoolStats {
    return { size: this.#size, idle: this.#idle.length, waiting: this.#waiters.size, max: this.#limits.max };
  }

  /**
   * A connection for the caller alone, until `giveBack`.
   * @throws PoolTimeoutError, ConnectionError, ClosedError, or the signal's reason
   */
  async take(timeoutMs = this.#limits.acquireTimeoutMs, signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted();
    if (this.#stop.signal.aborted) throw new ClosedError('The pool', this.#ports.endpoint);
    const idle = this.#takeIdle();
    if (idle !== undefined) return this.#lend(idle);
    if (this.#size >= this.#limits.max) {
      const handed = await this.#wait(timeoutMs, signal);
      if (handed !== undefined) return handed;
    } else {
      this.#opening += 1;
    }
    return this.#open(signal);
  }

  /** Ends a loan. `reusable: false` ends the connection with it. Giving back twice does nothing. */
  giveBack(connection: Connection, reusable: boolean): void {
    if (!this.#lent.delete(connection)) return;
    const healthy = reusable && connection.alive && !this.#stop.signal.aborted;
    if (!healthy) connection.destroy();
    const [waiter] = this.#waiters;
    if (waiter !== undefined) return this.#hand(waiter, healthy ? connection : undefined);
    if (!healthy) return;
    this.#idle.push({ connection, sinceMs: this.#ports.clock.monotonicMs() });
    this.#scheduleReaper();
  }

  /** Ends every connection, lent ones included; who waits gets a `ClosedError`. Returns how many were lent. */
  close(): number {
    const lent = this.#lent.size;
    this.#stop.abort(new ClosedError('The pool', this.#ports.endpoint));
    this.#reaper?.cancel();
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
    for (const connection of this.#lent) connection.destroy();
    this.#lent.clear();
    return lent;
  }

  get #size(): number {
    return this.#idle.length + this.#lent.size + this.#opening;
  }

  #takeIdle(): Connection | undefined {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.connection.alive) return last.connection;
    }
    return undefined;
  }

  #lend(connection: Connection): Connection {
    this.#lent.add(connection);
    return connection;
  }

  /** Gives a waiter a connection, or room to make one. Both count as taken from here on, so `max` holds. */
  #hand(waiter: Waiter, connection: Connection | undefined): void {
    if (connection === undefined) this.#opening += 1;
    else this.#lend(connection);
    waiter.wake(connection);
  }

  /** Makes a connection in the room that the caller has counted in `#opening`. */
  async #open(signal: AbortSignal | undefined): Promise<Connection> {
    try {
      const stop = this.#stop.signal;
      return this.#lend(await this.#ports.open(signal === undefined ? stop : AbortSignal.any([signal, stop])));
    } catch (error) {
      const [next] = this.#waiters;
      if (next !== undefined) this.#hand(next, undefined);
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }

  /** Waits for a connection that somebody gives back, or (`undefined`) for room to make one. */
  #wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const { endpoint, clock } = this.#ports;
      const stop = this.#stop.signal;
      const leave = (): void => {
        this.#waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        stop.removeEventListener('abort', onStop);
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error);
      };
      const waiter: Waiter = {
        wake: (connection) => {
          leave();
          resolve(connection);
        },
      };
      const onAbort = (): void => fail(signal?.reason);
      const onStop = (): void => fail(stop.reason);
      const timer = clock.timer(timeoutMs, () =>
        fail(new PoolTimeoutError({ endpoint, waitedMs: timeoutMs, size: this.#size, max: this.#limits.max })),
      );
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      stop.addEventListener('abort', onStop, { once: true });
    });
  }

  #scheduleReaper(): void {
    this.#reaper ??= this.#ports.clock.backgroundTimer(this.#limits.idleTimeoutMs, () => {
      this.#reaper = undefined;
      const oldest = this.#ports.clock.monotonicMs() - this.#limits.idleTimeoutMs;
      while (this.#idle[0] !== undefined && this.#idle[0].sinceMs <= oldest) this.#idle.shift()?.connection.destroy();
      if (this.#idle.length > 0) this.#scheduleReaper();
    });
  }
}
