import type { Timer } from '../../core/clock.js';
import { ClosedError, PoolTimeoutError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { Connection, WireCommand } from '../driver.js';
import type { PoolCloseReason, PoolHistory, PoolStats } from './pool-stats.js';
import { PooledConnection } from './pooled-connection.js';
import type { Settings } from '../config/settings.js';
import { Waiters } from './waiters.js';

export interface PoolPorts extends Runtime {
  readonly endpoint: string;
  readonly history: PoolHistory;
  readonly open: (signal: AbortSignal) => Promise<Connection>;
}

/** A connection that was idle for longer is asked for an answer before it is lent: firewalls forget in silence. */
const CHECK_AFTER_IDLE_MS = 3_000;
/** Connections retire at 90 to 100 % of `maxAge`, so that those which were opened together do not go together. */
const AGE_SPREAD = 0.1;

/**
 * At most `max` dedicated connections, made when they are asked for, lent to one user at a time, first come first
 * served: whichever becomes free first, one that is given back or one that was made, goes to who has waited longest.
 *
 * Not lent again: one that has ended, that does not answer after a rest, that is old, or that its user left in a state
 * which cannot be undone. What can be undone is, and the server has confirmed it, before the next user gets it.
 */
export class Pool {
  readonly #limits: Settings['pool'];
  readonly #ports: PoolPorts;
  readonly #waiters: Waiters<PooledConnection>;
  readonly #all = new Set<PooledConnection>();
  readonly #idle: PooledConnection[] = [];
  readonly #lent = new Set<PooledConnection>();
  readonly #stop = new AbortController();
  readonly #ended = new AbortController();
  #opening = 0;
  /** Being checked after a rest, or cleaned up. */
  #checking = 0;
  #reaper: { readonly dueMs: number; readonly timer: Timer } | undefined;

  constructor(limits: Settings['pool'], ports: PoolPorts) {
    this.#limits = limits;
    this.#ports = ports;
    this.#waiters = new Waiters(ports.clock);
  }

  stats(): Pick<PoolStats, 'size' | 'idle' | 'lent' | 'waiting' | 'max'> {
    const { size: lent } = this.#lent;
    return { size: this.#size, idle: this.#idle.length, lent, waiting: this.#waiters.length, max: this.#limits.max };
  }

  /**
   * A connection for the caller alone, until it is given back.
   * @throws PoolTimeoutError, ConnectionError, ClosedError, or the signal's reason
   */
  async take(timeoutMs = this.#limits.acquireTimeoutMs, signal?: AbortSignal): Promise<PooledConnection> {
    signal?.throwIfAborted();
    if (this.#stop.signal.aborted) throw this.#closedError();
    const at = this.#waiters.length === 0 ? this.#idle.at(-1) : undefined;
    if (at !== undefined && this.#isFresh(at)) {
      this.#idle.pop();
      this.#ports.history.waits.add(0);
      return this.#lend(at);
    }
    const turn = this.#waiters.join({ timeoutMs, signal, timeout: () => this.#timedOut(timeoutMs) });
    this.#serve();
    return turn;
  }

  /** Ends a loan; `undo` is carried out before the next one. Giving back twice does nothing. */
  giveBack(pooled: PooledConnection, undo: readonly WireCommand[] = []): void {
    if (!this.#lent.delete(pooled)) return;
    if (undo.length === 0 || !pooled.connection.alive) this.#arrive(pooled);
    else void this.#whenAnswered(pooled, undo);
  }

  /** Ends a loan and the connection with it. */
  discard(pooled: PooledConnection, reason: PoolCloseReason): void {
    if (!this.#lent.delete(pooled)) return;
    this.#close(pooled, pooled.connection.alive ? reason : 'lost');
    this.#serve();
  }

  /** A connection beside the pool, also when it lends nothing any more; ended by whoever asked for it. */
  openAside(): Promise<Connection> {
    return this.#ports.open(this.#ended.signal);
  }

  /** Lends nothing any more: who waits gets a `ClosedError`. What is out stays out. */
  stopLending(): void {
    this.#stop.abort(this.#closedError());
    this.#waiters.failAll(() => this.#closedError());
    this.#reaper?.timer.cancel();
    for (const pooled of this.#idle.splice(0)) this.#close(pooled, 'closed');
  }

  /** Ends every connection, lent ones included. Returns how many were lent. */
  close(): number {
    const lent = this.#lent.size;
    this.stopLending();
    this.#ended.abort(this.#closedError());
    for (const pooled of this.#all) this.#close(pooled, 'closed');
    this.#lent.clear();
    return lent;
  }

  get #size(): number {
    return this.#all.size + this.#opening;
  }

  #isFresh({ connection, retireMs, idleSinceMs }: PooledConnection): boolean {
    const nowMs = this.#ports.clock.monotonicMs();
    return connection.alive && nowMs < retireMs && nowMs - idleSinceMs <= CHECK_AFTER_IDLE_MS;
  }

  #lend(pooled: PooledConnection): PooledConnection {
    this.#lent.add(pooled);
    return pooled;
  }

  /** Sees to it that as many connections are on their way as callers wait, while there is room. */
  #serve(): void {
    while (this.#waiters.length > this.#opening + this.#checking && !this.#stop.signal.aborted) {
      const pooled = this.#idle.pop();
      if (pooled === undefined) {
        if (this.#size >= this.#limits.max) return;
        void this.#open();
      } else if (this.#isFresh(pooled)) this.#arrive(pooled);
      else if (this.#retire(pooled)) continue;
      else void this.#whenAnswered(pooled, [['PING']]);
    }
  }

  /** A connection that can be lent: to who has waited longest, or it rests. */
  #arrive(pooled: PooledConnection): void {
    if (this.#stop.signal.aborted) return this.#close(pooled, 'closed');
    if (this.#retire(pooled)) return this.#serve();
    const waiter = this.#waiters.first();
    const nowMs = this.#ports.clock.monotonicMs();
    if (waiter !== undefined) {
      this.#ports.history.waits.add(nowMs - waiter.sinceMs);
      return waiter.serve(this.#lend(pooled));
    }
    pooled.idleSinceMs = nowMs;
    this.#idle.push(pooled);
    this.#planReaper(this.#dueMs(pooled));
  }

  async #open(): Promise<void> {
    this.#opening += 1;
    let connection: Connection;
    try {
      connection = await this.#ports.open(this.#stop.signal);
    } catch (error) {
      this.#opening -= 1;
      this.#waiters.first()?.fail(error);
      return this.#serve();
    }
    this.#opening -= 1;
    this.#ports.history.opened += 1;
    this.#arrive(this.#adopt(connection));
  }

  #adopt(connection: Connection): PooledConnection {
    const nowMs = this.#ports.clock.monotonicMs();
    const lifeMs = this.#limits.maxAgeMs * (1 - AGE_SPREAD * this.#ports.random.uniform());
    const pooled = new PooledConnection(connection, { nowMs, retireMs: nowMs + lifeMs });
    this.#all.add(pooled);
    connection.onEnd = () => {
      const at = this.#idle.indexOf(pooled);
      if (at === -1) return;
      this.#idle.splice(at, 1);
      this.#close(pooled, 'lost');
    };
    return pooled;
  }

  /** Lends it once the server has answered; one that does not answer is replaced. */
  async #whenAnswered(pooled: PooledConnection, commands: readonly WireCommand[]): Promise<void> {
    this.#checking += 1;
    const answered = await pooled.answers(commands, this.#ports.clock);
    this.#checking -= 1;
    if (answered) return this.#arrive(pooled);
    this.#close(pooled, pooled.connection.alive ? 'unresponsive' : 'lost');
    this.#serve();
  }

  /** Ends what is not to be lent again; true when it was. */
  #retire(pooled: PooledConnection): boolean {
    const lost = !pooled.connection.alive;
    if (!lost && this.#ports.clock.monotonicMs() < pooled.retireMs) return false;
    this.#close(pooled, lost ? 'lost' : 'aged');
    return true;
  }

  #close(pooled: PooledConnection, reason: PoolCloseReason): void {
    if (!this.#all.delete(pooled)) return;
    this.#ports.history.closed[reason] += 1;
    pooled.connection.destroy();
  }

  #dueMs({ idleSinceMs, retireMs }: PooledConnection): number {
    return Math.min(idleSinceMs + this.#limits.idleTimeoutMs, retireMs);
  }

  #planReaper(dueMs: number): void {
    if (this.#reaper !== undefined && this.#reaper.dueMs <= dueMs) return;
    this.#reaper?.timer.cancel();
    const { clock } = this.#ports;
    const timer = clock.backgroundTimer(dueMs - clock.monotonicMs(), () => this.#reap());
    this.#reaper = { dueMs, timer };
  }

  #reap(): void {
    this.#reaper = undefined;
    const nowMs = this.#ports.clock.monotonicMs();
    for (const pooled of this.#idle.splice(0)) {
      if (this.#dueMs(pooled) > nowMs) this.#idle.push(pooled);
      else this.#close(pooled, nowMs >= pooled.retireMs ? 'aged' : 'idle');
    }
    for (const pooled of this.#idle) this.#planReaper(this.#dueMs(pooled));
  }

  #timedOut(waitedMs: number): PoolTimeoutError {
    this.#ports.history.timeouts += 1;
    const { endpoint } = this.#ports;
    return new PoolTimeoutError({
      endpoint,
      waitedMs,
      size: this.#size,
      max: this.#limits.max,
      opening: this.#opening,
    });
  }

  #closedError(): ClosedError {
    return new ClosedError('The pool', this.#ports.endpoint);
  }
}
