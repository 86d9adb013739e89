import type { RedisManager } from '../../client/manager.js';
import type { MessageSink, SinkHandle } from '../../client/subscriptions/subscriber.js';
import { ignore } from '../../core/abort.js';
import type { Timer } from '../../core/clock.js';
import { ClosedError, TimeoutError } from '../../core/errors.js';
import type { Feed, FeedSink } from './feed.js';

/** What is published: who did it, and which keys were changed; without keys it is a sign of life. */
export interface Notice {
  readonly by: string;
  readonly keys?: readonly string[];
  /** Of a sign of life. */
  readonly n?: number;
}

export interface BulletinPorts {
  readonly manager: RedisManager;
  readonly channel: string;
  readonly maxStalenessMs: number;
}

const MAX_PROBE_MS = 1_000;
const PROBES_PER_STALENESS = 4;
const RETRY_MS = 1_000;
const MIN_PATIENCE_MS = 3_000;

/** A sign of life that has not come back yet. */
interface Asked {
  readonly sentMs: number;
  /** When the server had it. */
  takenMs: number | undefined;
}

/**
 * What is heard of the others, and as of when: by the process's own words, which come back behind theirs. Those that do not,
 * while later ones do, or for long, show that words of others may be lost, too: it is blind then. If nothing comes any more
 * that the server has, the connection that should have brought it is replaced.
 */
export class BulletinFeed implements Feed, MessageSink {
  readonly #ports: BulletinPorts;
  readonly #id: string;
  readonly #sink: FeedSink;
  readonly #probeEveryMs: number;
  readonly #patienceMs: number;
  coherentAsOfMs = Number.NEGATIVE_INFINITY;
  #holding: Promise<SinkHandle | undefined>;
  /** Oldest first. */
  readonly #asked = new Map<number, Asked>();
  #lastN = 0;
  /** A sign of life has come back since the subscription was made, or made anew. */
  #hasHeard = false;
  #isAsking = false;
  #timer: Timer | undefined;
  #isClosed = false;
  #isReported = false;

  constructor(ports: BulletinPorts, id: string, sink: FeedSink) {
    this.#ports = ports;
    this.#id = id;
    this.#sink = sink;
    this.#probeEveryMs = Math.min(MAX_PROBE_MS, ports.maxStalenessMs / PROBES_PER_STALENESS);
    this.#patienceMs = Math.max(MIN_PATIENCE_MS, ports.maxStalenessMs);
    this.#holding = this.#subscribe();
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    if (this.#isClosed) return;
    const notice = read(payload);
    // what is not understood may have been about any key
    if (notice === undefined) return this.#tell(undefined);
    const { by, keys, n } = notice;
    // its own changes as well: one whose call has failed may have come about later
    if (keys !== undefined) this.#tell(keys.length === 0 ? undefined : keys);
    if (by === this.#id && n !== undefined) this.#heard(n);
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
    if (nowMs - (oldest?.takenMs ?? nowMs) > this.#patienceMs) return void setImmediate(() => this.#giveUp(oldest));
    if (!this.#isAsking) void this.#ask(nowMs);
  }

  async #ask(sentMs: number): Promise<void> {
    const { manager, channel } = this.#ports;
    const n = (this.#lastN += 1);
    const asked: Asked = { sentMs, takenMs: undefined };
    this.#asked.set(n, asked);
    const notice: Notice = { by: this.#id, n };
    this.#isAsking = true;
    try {
      await manager.command(['PUBLISH', channel, JSON.stringify(notice)]);
      asked.takenMs = manager.clock.monotonicMs();
    } catch (error) {
      if (this.#asked.has(n)) this.#fail(error as Error);
    } finally {
      this.#isAsking = false;
    }
  }

  #heard(n: number): void {
    const asked = this.#asked.get(n);
    if (asked === undefined) return;
    const [oldest] = this.#asked.keys();
    if (oldest !== n) {
      this.#goBlind(new Error('messages were lost on their way'));
      this.#probeLater();
    }
    this.#asked.delete(n);
    this.#hasHeard = true;
    this.#isReported = false;
    const isFirst = this.coherentAsOfMs === Number.NEGATIVE_INFINITY;
    this.coherentAsOfMs = asked.sentMs;
    if (isFirst) this.#sink.onArmed();
  }

  #giveUp(asked: Asked | undefined): void {
    if (this.#asked.values().next().value !== asked) return;
    const error = new TimeoutError('A message to itself', this.#patienceMs);
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
    this.#wait(this.#probeEveryMs, () => this.#probe());
  }

  #wait(delayMs: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.manager.clock.backgroundTimer(delayMs, then);
  }
}

function read(payload: Buffer): Notice | undefined {
  try {
    const notice: unknown = JSON.parse(payload.toString());
    return isNotice(notice) ? notice : undefined;
  } catch {
    return undefined;
  }
}

function isNotice(notice: unknown): notice is Notice {
  if (typeof notice !== 'object' || notice === null) return false;
  const { by, keys, n } = notice as Record<string, unknown>;
  if (typeof by !== 'string') return false;
  return keys === undefined ? typeof n === 'number' : isTexts(keys);
}

function isTexts(keys: unknown): boolean {
  return Array.isArray(keys) && keys.every((key) => typeof key === 'string');
}
