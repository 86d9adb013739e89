import { jitteredDelay } from '../../core/backoff.js';
import type { Clock, Timer } from '../../core/clock.js';
import { ConfigError, ServerError, TimeoutError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import type { Connection, OpenHint, ReplyMap } from '../driver.js';
import { request } from '../request.js';

/** What the connections of a feed have in common. */
export interface TrackingPorts {
  readonly open: (signal: AbortSignal, hint: OpenHint | undefined) => Promise<Connection>;
  readonly clock: Clock;
  readonly random: Random;
  /** Called when the server turned out to be no primary any more. */
  readonly suspect: () => void;
  readonly report: (error: unknown) => void;
  readonly prefix: string;
  /** How long after an answer the server is asked again. */
  readonly probeEveryMs: number;
  /** A server that has not answered for so long is given up. */
  readonly patienceMs: number;
}

/** Who is told what becomes of a node. */
export interface TrackedNodeListener {
  /** It is armed, or knows that it was coherent at a later time. */
  onProgress(): void;
  /** It was armed and is not any more. */
  onLost(cause: Error): void;
  onInvalidate(keys: readonly string[] | undefined): void;
}

const RETRY = { baseMs: 50, maxMs: 2_000 } as const;
/** A server that refuses will do so for longer. */
const REFUSED = { baseMs: 30_000, maxMs: 30_000 } as const;
/** An answer shows what was before the previous question: about two pauses ago, if all goes well. */
const LATE_AFTER = 3;
/** A connection that lived this long was a good one: the next loss begins with the shortest wait again. */
const STABLE_MS = 2_000;

/**
 * One server that tells of changed keys, on a connection of its own that is replaced when it ends.
 *
 * The server is asked for a sign of life now and then. What it has told comes before that answer, except for what it
 * changed in the very turn in which it answered: that comes before the answer to the next question. So an answer shows
 * that everything has been heard that was changed before the previous question was sent.
 *
 * The question is `HELLO`, which every user may send, and whose answer also shows a server that was demoted: it goes on
 * answering, and hears of changes whenever its primary gets round to it.
 */
export class TrackedNode {
  readonly #ports: TrackingPorts;
  readonly #hint: OpenHint | undefined;
  readonly #listener: TrackedNodeListener;
  #opening: AbortController | undefined;
  #connection: Connection | undefined;
  /** The next question, the wait for an answer, or the next attempt. */
  #timer: Timer | undefined;
  #attempt = 0;
  #armedMs: number | undefined;
  #askedMs = 0;
  #coherentAsOfMs = -Infinity;
  #isReported = false;
  #isClosed = false;

  constructor(ports: TrackingPorts, hint: OpenHint | undefined, listener: TrackedNodeListener) {
    this.#ports = ports;
    this.#hint = hint;
    this.#listener = listener;
    void this.#open();
  }

  /** On the monotonic clock: all that was changed before has been told. `-Infinity` while the server tells nothing. */
  get coherentAsOfMs(): number {
    return this.#coherentAsOfMs;
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  async #open(): Promise<void> {
    const attempt = new AbortController();
    this.#opening = attempt;
    let connection: Connection;
    try {
      connection = await this.#ports.open(attempt.signal, this.#hint);
    } catch (error) {
      if (this.#opening === attempt) this.#fail(error as Error);
      return;
    }
    if (this.#opening !== attempt) return connection.destroy();
    this.#opening = undefined;
    this.#connection = connection;
    await this.#arm(connection);
  }

  async #arm(connection: Connection): Promise<void> {
    const { prefix, clock } = this.#ports;
    connection.onEnd = (cause) => this.#lose(connection, cause);
    connection.onInvalidate = (keys) => {
      if (this.#connection === connection) this.#listener.onInvalidate(keys);
    };
    if (!connection.alive) return this.#lose(connection, new Error('the connection ended as soon as it was open'));
    this.#askedMs = clock.monotonicMs();
    const tracking = connection.trackInvalidations?.(prefix) ?? Promise.reject(cannotTrack());
    this.#awaitAnswer(connection, 'CLIENT TRACKING');
    try {
      await tracking;
    } catch (error) {
      return this.#lose(connection, error as Error);
    }
    await this.#ask(connection);
  }

  async #ask(connection: Connection): Promise<void> {
    if (this.#connection !== connection) return;
    const sentMs = this.#ports.clock.monotonicMs();
    const answer = request(connection, ['HELLO']);
    this.#awaitAnswer(connection, 'HELLO');
    let role: unknown;
    try {
      ({ role } = (await answer) as ReplyMap);
    } catch (error) {
      return this.#lose(connection, error as Error);
    }
    if (this.#connection !== connection) return;
    if (role === 'replica' || role === 'slave') {
      // where it never was a primary, somebody means it to be so
      if (this.#armedMs !== undefined) this.#ports.suspect();
      return this.#lose(connection, new Error('the server is no primary'));
    }
    this.#answered(connection, sentMs);
  }

  #answered(connection: Connection, sentMs: number): void {
    const { clock, probeEveryMs } = this.#ports;
    this.#armedMs ??= clock.monotonicMs();
    this.#isReported = false;
    this.#coherentAsOfMs = this.#askedMs;
    this.#askedMs = sentMs;
    this.#listener.onProgress();
    // after a standstill of this process the answer is about a question of long ago
    const isLate = clock.monotonicMs() - this.#coherentAsOfMs > LATE_AFTER * probeEveryMs;
    if (isLate) void this.#ask(connection);
    else this.#wait(probeEveryMs, () => void this.#ask(connection));
  }

  #awaitAnswer(connection: Connection, operation: string): void {
    const { patienceMs } = this.#ports;
    const giveUp = (): void => this.#lose(connection, new TimeoutError(operation, patienceMs));
    // after a standstill of this process, what has arrived meanwhile is read first
    this.#wait(patienceMs, () => {
      const waiting = this.#timer;
      setImmediate(() => {
        if (this.#timer === waiting) giveUp();
      });
    });
  }

  #lose(connection: Connection, cause: Error): void {
    if (this.#connection === connection) this.#fail(cause);
  }

  #fail(cause: Error): void {
    const { clock, random, report } = this.#ports;
    const armedMs = this.#armedMs;
    this.#end();
    if (armedMs !== undefined && clock.monotonicMs() - armedMs >= STABLE_MS) this.#attempt = 0;
    const delayMs = jitteredDelay(this.#attempt, isRefusal(cause) ? REFUSED : RETRY, random);
    this.#attempt += 1;
    this.#wait(delayMs, () => void this.#open());
    if (armedMs !== undefined) this.#listener.onLost(cause);
    // one report for an outage, however many attempts it takes
    if (this.#isReported || this.#isClosed) return;
    this.#isReported = true;
    report(cause);
  }

  /** Ends the connection, or the attempt, and forgets what it knew. */
  #end(): void {
    const connection = this.#connection;
    const opening = this.#opening;
    this.#connection = undefined;
    this.#opening = undefined;
    this.#armedMs = undefined;
    this.#coherentAsOfMs = -Infinity;
    this.#timer?.cancel();
    opening?.abort();
    connection?.destroy();
  }

  #wait(delayMs: number, fn: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.backgroundTimer(delayMs, fn);
  }
}

function isRefusal(cause: Error): boolean {
  return cause instanceof ConfigError || (cause instanceof ServerError && !cause.retryable);
}

function cannotTrack(): ConfigError {
  const expected = 'one whose client hands on what the server tells of changed keys (`capabilities.invalidations`)';
  return new ConfigError([{ option: 'manager', expected, received: 'another one' }]);
}
