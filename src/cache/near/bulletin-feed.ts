import type { RedisManager } from '../../client/manager.js';
import type { MessageSink, SinkHandle } from '../../client/subscriptions/subscriber.js';
import { ignore } from '../../core/abort.js';
import type { Timer } from '../../core/clock.js';
import { ClosedError } from '../../core/errors.js';
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

/** What is heard of the others, and as of when: by the process's own words, which come back behind theirs. */
export class BulletinFeed implements Feed, MessageSink {
  readonly #ports: BulletinPorts;
  readonly #id: string;
  readonly #sink: FeedSink;
  readonly #probeEveryMs: number;
  coherentAsOfMs = Number.NEGATIVE_INFINITY;
  #holding: Promise<SinkHandle | undefined>;
  /** The last sign of life that was sent. */
  #asked = { n: 0, sentMs: 0 };
  #timer: Timer | undefined;
  #isClosed = false;
  #isReported = false;

  constructor(ports: BulletinPorts, id: string, sink: FeedSink) {
    this.#ports = ports;
    this.#id = id;
    this.#sink = sink;
    this.#probeEveryMs = Math.min(MAX_PROBE_MS, ports.maxStalenessMs / PROBES_PER_STALENESS);
    this.#holding = this.#subscribe();
  }

  onMessage({ payload }: { readonly payload: Buffer }): void {
    const notice = read(payload);
    // what is not understood may have been about any key
    if (notice === undefined) return this.#tell(undefined);
    const { by, keys, n } = notice;
    if (keys !== undefined && by !== this.#id) this.#tell(keys.length === 0 ? undefined : keys);
    if (by === this.#id && n === this.#asked.n) this.#heard();
  }

  onLost(cause: Error): void {
    this.#goBlind(cause);
  }

  onRestored(): void {
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
    this.#timer?.cancel();
    this.#holding.then((handle) => handle?.release()).catch(ignore);
  }

  async #subscribe(): Promise<SinkHandle | undefined> {
    const { manager, channel } = this.#ports;
    try {
      const handle = await manager.subscriber.subscribe({ kind: 'channel', name: channel }, this);
      this.#probe();
      return handle;
    } catch (error) {
      this.onFailed(error as Error);
      return undefined;
    }
  }

  /** Everything that was published before comes before its own words come back. */
  #probe(): void {
    if (this.#isClosed) return;
    const { manager, channel } = this.#ports;
    this.#asked = { n: this.#asked.n + 1, sentMs: manager.clock.monotonicMs() };
    const notice: Notice = { by: this.#id, n: this.#asked.n };
    manager.command(['PUBLISH', channel, JSON.stringify(notice)]).catch((error: unknown) => this.#report(error));
    this.#wait(this.#probeEveryMs, () => this.#probe());
  }

  #heard(): void {
    const isFirst = this.coherentAsOfMs === Number.NEGATIVE_INFINITY;
    this.coherentAsOfMs = this.#asked.sentMs;
    this.#isReported = false;
    if (isFirst) this.#sink.onArmed();
  }

  #tell(keys: readonly string[] | undefined): void {
    if (this.coherentAsOfMs !== Number.NEGATIVE_INFINITY) this.#sink.onInvalidate(keys);
  }

  #goBlind(cause: Error): void {
    this.#timer?.cancel();
    if (this.coherentAsOfMs === Number.NEGATIVE_INFINITY) return;
    this.coherentAsOfMs = Number.NEGATIVE_INFINITY;
    this.#sink.onBlind(cause);
  }

  /** One report for an outage. */
  #report(error: unknown): void {
    if (this.#isReported || this.#isClosed || error instanceof ClosedError) return;
    this.#isReported = true;
    this.#ports.manager.reportError('cache', error);
  }

  #wait(delayMs: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#ports.manager.clock.backgroundTimer(delayMs, then);
  }
}

function read(payload: Buffer): Notice | undefined {
  try {
    const notice: unknown = JSON.parse(payload.toString());
    return typeof notice === 'object' && notice !== null && 'by' in notice ? (notice as Notice) : undefined;
  } catch {
    return undefined;
  }
}
