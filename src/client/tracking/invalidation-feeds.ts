import { ClosedError } from '../../core/errors.js';
import type { Runtime } from '../../core/runtime.js';
import type { Driver } from '../driver.js';
import { InvalidationFeed, type InvalidationSink } from './invalidation-feed.js';

export interface InvalidationTarget {
  /** What the keys begin with. */
  readonly prefix: string;
  /** How old a copy may be at most: it decides how often the servers are asked for a sign of life. */
  readonly maxStalenessMs: number;
}

/** A sink's hold on its feed. */
export interface Invalidations {
  /** Changes are told now. */
  readonly isArmed: boolean;
  /**
   * On the monotonic clock of the manager: everything that was changed before has been told; `-Infinity` while blind. A
   * copy may be given while `now - coherentAsOfMs <= maxStalenessMs`.
   */
  readonly coherentAsOfMs: number;
  /** The sink is not called any more. With the last one of its feed, the connections end. */
  close(): void;
}

export interface FeedsOptions extends Runtime {
  readonly reportError: (source: string, error: unknown) => void;
}

type TrackableDriver = Pick<Driver, 'open' | 'primaries' | 'onPrimaries' | 'suspect'>;

const MAX_PROBE_MS = 1_000;
/** An answer proves what was before the previous question, so the age is up to two pauses and a round trip. */
const PROBES_PER_STALENESS = 4;
const MIN_PATIENCE_MS = 3_000;

/** The feeds of one manager. Those who ask for the same share one, and its connections: one to each primary. */
export class InvalidationFeeds {
  readonly #driver: TrackableDriver;
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, InvalidationFeed>();
  #isClosed = false;

  constructor(driver: TrackableDriver, options: FeedsOptions) {
    this.#driver = driver;
    this.#options = options;
    driver.onPrimaries = () => {
      for (const feed of [...this.#feeds.values()]) feed.follow();
    };
  }

  /**
   * Tells the sink of changed keys, from its `onArmed` on. It is called before this returns where the feed is armed
   * already.
   * @throws ClosedError
   */
  listen(target: InvalidationTarget, sink: InvalidationSink): Invalidations {
    if (this.#isClosed) throw new ClosedError('The manager');
    const name = `${target.maxStalenessMs} ${target.prefix}`;
    const feed = this.#feeds.get(name) ?? this.#newFeed(target);
    this.#feeds.set(name, feed);
    feed.add(sink);
    return new Hold(feed, () => {
      feed.remove(sink);
      if (feed.isIdle && this.#feeds.get(name) === feed) this.#end(name, feed);
    });
  }

  /** Ends all connections; whoever listens is blind. */
  close(): void {
    this.#isClosed = true;
    for (const feed of this.#feeds.values()) feed.close(new ClosedError('The manager'));
    this.#feeds.clear();
  }

  #newFeed({ prefix, maxStalenessMs }: InvalidationTarget): InvalidationFeed {
    const { clock, random, reportError } = this.#options;
    const driver = this.#driver;
    return new InvalidationFeed({
      clock,
      random,
      prefix,
      open: (signal, hint) => driver.open(signal, hint),
      primaries: driver.primaries && (() => driver.primaries?.() ?? []),
      suspect: () => driver.suspect?.(),
      report: (error) => reportError('invalidations', error),
      probeEveryMs: Math.min(MAX_PROBE_MS, maxStalenessMs / PROBES_PER_STALENESS),
      patienceMs: Math.max(MIN_PATIENCE_MS, maxStalenessMs),
    });
  }

  #end(name: string, feed: InvalidationFeed): void {
    this.#feeds.delete(name);
    feed.close(new ClosedError('The feed'));
  }
}

class Hold implements Invalidations {
  readonly #feed: InvalidationFeed;
  readonly close: () => void;

  constructor(feed: InvalidationFeed, close: () => void) {
    this.#feed = feed;
    this.close = close;
  }

  get isArmed(): boolean {
    return this.#feed.isArmed;
  }

  get coherentAsOfMs(): number {
    return this.#feed.coherentAsOfMs;
  }
}
