import type { InvalidationSink } from '../../client/tracking/invalidation-feed.js';
import type { RedisManager } from '../../client/manager.js';
import type { MessageSink, SinkHandle } from '../../client/subscriptions/subscriber.js';
import { ignore } from '../../core/abort.js';
import type { Timer } from '../../core/clock.js';
import { ClosedError, TimeoutError } from '../../core/errors.js';
import type { Feed } from './feed.js';
import { readNotice } from './notice.js';
import { Sequences } from './sequences.js';

export interface BulletinPorts {
  readonly manager: RedisManager;
  readonly channel: string;
  readonly probeEveryMs: number;
  readonly patienceMs: number;
  /** Gives a sign of life; `n` is its number, which is told before it can be heard. */
  readonly say: (about: (n: number) => void) => Promise<unknown>;
}

const RETRY_MS = 1_000;

/** A sign of life that has not come back yet. */
interface Asked {
  readonly sentMs: number;
  /** When the server had it. */
  takenMs: number | undefined;
}

/**
 * What is heard of the others, and as of when: by the process's own words, which come back behind theirs. Where anybody's
 * words have a gap, what was lost may have been about any key. If its own do not come any more, although the server has
 * them, it is blind, and the connection that should have brought them is replaced.
 */
export class BulletinFeed implements Feed, MessageSink {
  readonly #ports: BulletinPorts;
  readonly #id: string;
  readonly #sink: InvalidationSink;
  readonly #sequences = new Sequences();
  coherentAsOfMs = Number.NEGATIVE_INFINITY;
  #holding: Promise<SinkHandle | undefined>;
  /** Oldest first. */
  readonly #asked = new Map<number, Asked>();
  /** A sign of life has come back since the subscription was made, or made anew. */
  #hasHeard = false;
  #isAsking = false;
  #timer: Timer | undefined;
  #isClosed = false;
  #isReported = false;

  constructor(ports: BulletinPorts, id: string, sink: InvalidationSink) {
    this.#ports = ports;
    this.#id = id;
    this.#sink = sink;
    this.#holding = this.#subscribe();
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    if (this.#isClosed) return;
    const notice = readNotice(payload);
    // what is not understood may have been about any key
    if (notice === undefined) return this.#tell(undefined);
    const { by, keys, n } = notice;
    if (this.#sequences.isAfterGap(by, n)) this.#tell(undefined);
    // its own changes as well: one whose call has failed may have come about later
    if (keys !== undefined) this.#tell(keys.length === 0 ? undefined : keys);
    if (by === this.#id) this.#heard(n);
  }

  /** The subscriber has reported it. */
  onLost(cause: Error): void {
    this.#goBlind(cause);
  }

  onRestored(): void {
    this.#hasHeard = false;
    this.#probe();
  }

  onFailed(error: Error): void {
    this.#goBlind(error);
    if (this.#isClosed || error instanceof ClosedError) return;
    this.#report(error);
    this.#wait(RETRY_MS, () => {
      this.#holding = this.#subscribe();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#asked.clear();
    this.#timer?.cancel();
    this.#holding.then((handle) => handle?.release()).catch(ignore);
  }

  async #subscribe(): Promise<SinkHandle | undefined> {
    const { manager, channel } = this.#ports;
    try {
      const handle = await manager.subscriber.subscribe({ kind: 'channel', name: channel }, this);
      this.onRestored();
      return handle;
    } catch (error) {
      this.onFailed(error as Error);
      return undefined;
    }
  }

  /** Everything that was published before comes before its own words come back. */
  #probe(): void {
    if (this.#isClosed) return;
    const [oldest] = this.#asked.values();
    const nowMs = this.#ports.manager.clock.monotonicMs();
    this.#probeLater();
    // after a standstill of this process, what has arrived meanwhile is read first
    if (nowMs - (oldest?.takenMs ?? nowMs) > this.#ports.patienceMs)
      return void setImmediate(() => this.#giveUp(oldest));
    if (!this.#isAsking) void this.#ask(nowMs);
  }

  async #ask(sentMs: number): Promise<void> {
    const { manager, say } = this.#ports;
    const asked: Asked = { sentMs, takenMs: undefined };
    let number = 0;
    this.#isAsking = true;
    try {
      await say((n) => this.#asked.set((number = n), asked));
      asked.takenMs = manager.clock.monotonicMs();
    } catch (error) {
      if (this.#asked.has(number)) this.#fail(error as Error);
    } finally {
      this.#isAsking = false;
    }
  }

  #heard(n: number): void {
    const asked = this.#asked.get(n);
    if (asked === undefined) return;
    // older ones were lost
    for (const before of this.#asked.keys()) if (before <= n) this.#asked.delete(before);
    this.#hasHeard = true;
    this.#isReported = false;
    const isFirst = this.coherentAsOfMs === Number.NEGATIVE_INFINITY;
    this.coherentAsOfMs = asked.sentMs;
    if (isFirst) this.#sink.onArmed();
  }

  #giveUp(asked: Asked | undefined): void {
    if (this.#asked.values().next().value !== asked) return;
    const error = new TimeoutError('A message to itself', this.#ports.patienceMs);
    // reported by the subscriber; where nothing has ever come back another connection would do no better
    if (this.#hasHeard) return this.#ports.manager.subscriber.replace(error);
    this.#fail(error);
  }

  #fail(error: Error): void {
    this.#goBlind(error);
    if (error instanceof ClosedError) return;
    this.#report(error);
    this.#wait(RETRY_MS, () => this.#probe());
  }

  #tell(keys: readonly string[] | undefined): void {
    if (this.coherentAsOfMs !== Number.NEGATIVE_INFINITY) this.#sink.onInvalidate(keys);
  }

  #goBlind(cause: Error): void {
    this.#timer?.cancel();
    this.#asked.clear();
    if (this.#isClosed || this.coherentAsOfMs === Number.NEGATIVE_INFINITY) return;
    this.coherentAsOfMs = Number.NEGATIVE_INFINITY;
    this.#sink.onBlind(cause);
  }

  /** One report for an outage. */
  #report(error: unknown): void {
    if (this.#isReported || this.#isClosed || error instanceof ClosedError) return;
    this.#isReported = true;
    this.#ports.manager.reportError('cache', error);
  }

  #probeLater(): void {
    this.#wait(this.#ports.probeEveryMs, () => this.#probe());
  }

  #wait(delayMs: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.manager.clock.backgroundTimer(delayMs, then);
  }
}
