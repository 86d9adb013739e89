import { LRUCache } from 'lru-cache';

import type { Clock } from '../../core/clock.js';
import type { EntryFormat } from '../entries/entry.js';
import { type EpochCell, EpochCells } from './epoch-cells.js';
import type { Feed, FeedSink } from './feed.js';
import { mayShare } from './isolate.js';
import type { NearPlan } from './near-options.js';
import { Touched } from './touched.js';

/** What an entry takes beside its bytes and its key, for the bound. */
const OVERHEAD_BYTES = 200;

/** A value that is kept near. */
export interface Copy {
  /** Undefined where `bytes` are decoded for each caller, and where that there is none is what is kept. */
  readonly value: unknown;
  readonly bytes: Buffer | undefined;
  /** Who can read it. */
  readonly format: EntryFormat;
  readonly loadMs: number;
  /** On the monotonic clock: from then on it is not fresh any more. */
  readonly freshUntilMs: number;
  /** On the monotonic clock: from then on it is not to be served from near. */
  readonly untilMs: number;
  readonly epochs: readonly EpochCell[];
}

/** A fresh entry that was read, to be kept. */
export interface Offer {
  readonly key: string;
  readonly bytes: Buffer;
  readonly value: unknown;
  /** One object for all. */
  readonly isShared: boolean;
  readonly format: EntryFormat;
  readonly loadMs: number;
  /** For how long it is fresh; undefined where only Redis knows. */
  readonly leftMs: number | undefined;
  /** Of the epochs in which it is valid. */
  readonly epochKeys: readonly string[];
  /** `sequence` before the read was sent. */
  readonly since: number;
}

export interface NearPorts {
  readonly clock: Clock;
  readonly plan: NearPlan;
  /** Begins to listen. Called once, when the first copy could be made. */
  readonly listen: (sink: FeedSink) => Feed;
  /** For how long Redis will keep a key. */
  readonly askLeftMs: (key: string) => Promise<number>;
  readonly report: (error: unknown) => void;
}

/** What is kept near, and how well. */
export interface NearStats {
  readonly entries: number;
  /** As `maxBytes` counts them. */
  readonly bytes: number;
  /** How long nothing could be served from near since it was first to be, because changes were not told. */
  readonly blindMs: number;
}

/**
 * Copies of fresh entries in the memory of this process.
 *
 * Guarantees: a copy is served only while it is fresh by the server's clock and of the present epochs, and only if
 * everything that was changed longer than `maxStaleness` ago has been heard of. What this process changes itself is not
 * served any more from the call on. Nothing that was changed after it was read is kept: a change that is told while a
 * read is under way counts against what it brings.
 */
export class Near implements FeedSink {
  readonly #ports: NearPorts;
  readonly #copies: LRUCache<string, Copy>;
  readonly #cells = new EpochCells();
  readonly #touched = new Touched();
  /** Keys whose lifetime is being asked for. */
  readonly #asking = new Set<string>();
  #feed: Feed | undefined;
  #isArmed = false;
  #blindMs = 0;
  #blindSinceMs = 0;

  constructor(ports: NearPorts) {
    this.#ports = ports;
    const { maxEntries, maxBytes } = ports.plan;
    this.#copies = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      dispose: ({ epochs }) => this.#cells.giveBack(epochs),
    });
  }

  /** A copy that may be served now. */
  find(key: string, format: EntryFormat): Copy | undefined {
    const feed = this.#feed;
    if (feed === undefined) return undefined;
    const copy = this.#copies.get(key);
    if (copy === undefined || copy.format !== format) return undefined;
    const nowMs = this.#ports.clock.monotonicMs();
    if (nowMs - feed.coherentAsOfMs > this.#ports.plan.maxStalenessMs) return undefined;
    if (nowMs < copy.untilMs && !isOver(copy.epochs)) return copy;
    this.#copies.delete(key);
    return undefined;
  }

  /** For how long a copy is fresh. */
  leftMsOf({ freshUntilMs }: Copy): number {
    return freshUntilMs - this.#ports.clock.monotonicMs();
  }

  /** To be taken before a read is sent whose entry may be kept. */
  get sequence(): number {
    this.#feed ??= this.#listen();
    return this.#touched.sequence;
  }

  /** Whether one object may be given to all who ask for the value; it is frozen then, if it is to be. */
  share(value: unknown): boolean {
    return mayShare(value, this.#ports.plan.isolation);
  }

  /** Keeps what was read, unless something was told of it meanwhile. */
  offer(offer: Offer): void {
    if (this.#copies.peek(offer.key)?.format === offer.format || !this.#mayKeep(offer)) return;
    if (offer.leftMs === undefined) void this.#ask(offer);
    else this.#keep(offer, offer.leftMs);
  }

  async #ask(offer: Offer): Promise<void> {
    const { key } = offer;
    if (this.#asking.has(key)) return;
    this.#asking.add(key);
    const { clock, askLeftMs, report } = this.#ports;
    const sentMs = clock.monotonicMs();
    try {
      const leftMs = await askLeftMs(key);
      if (this.#mayKeep(offer)) this.#keep(offer, leftMs - (clock.monotonicMs() - sentMs));
    } catch (error) {
      report(error);
    } finally {
      this.#asking.delete(key);
    }
  }

  #mayKeep({ key, since, epochKeys }: Offer): boolean {
    if (!this.#isArmed || this.#touched.isTouchedSince(key, since)) return false;
    return !epochKeys.some((epoch) => this.#touched.isTouchedSince(epoch, since));
  }

  #keep(offer: Offer, leftMs: number): void {
    const { clock, plan } = this.#ports;
    const size = offer.bytes.length + 2 * offer.key.length + OVERHEAD_BYTES;
    // too large to be kept at all: nothing else has to go for it
    if (leftMs <= 0 || size > plan.maxBytes) return;
    const { key, value, isShared, format, loadMs } = offer;
    const nowMs = clock.monotonicMs();
    const copy: Copy = {
      value: isShared ? value : undefined,
      // not the memory of all that came with it
      bytes: isShared ? undefined : Buffer.from(offer.bytes),
      format,
      loadMs,
      freshUntilMs: nowMs + leftMs,
      untilMs: nowMs + Math.min(leftMs, plan.ttlMs),
      epochs: this.#cells.take(offer.epochKeys),
    };
    this.#copies.set(key, copy, { size });
  }

  /** Something is being done to a key, or to an epoch. */
  forget(key: string): void {
    this.#touched.touch(key);
    this.#cells.end(key);
    this.#copies.delete(key);
  }

  /** Tells others that a key was changed, where the server does not. */
  announce(keys: readonly string[]): void {
    this.#feed?.announce?.(keys);
  }

  stats(): NearStats {
    const blindMs = this.#blindMs + (this.#isBlind ? this.#ports.clock.monotonicMs() - this.#blindSinceMs : 0);
    return { entries: this.#copies.size, bytes: this.#copies.calculatedSize, blindMs: Math.round(blindMs) };
  }

  onArmed(): void {
    this.#isArmed = true;
    this.#touched.touchAll();
    this.#blindMs += this.#ports.clock.monotonicMs() - this.#blindSinceMs;
  }

  onBlind(): void {
    this.#isArmed = false;
    this.#blindSinceMs = this.#ports.clock.monotonicMs();
    this.#flush();
  }

  onInvalidate(keys: readonly string[] | undefined): void {
    if (keys === undefined) this.#flush();
    else for (const key of keys) this.forget(key);
  }

  close(): void {
    this.#feed?.close();
    this.#feed = undefined;
    this.#isArmed = false;
    this.#flush();
  }

  get #isBlind(): boolean {
    return this.#feed !== undefined && !this.#isArmed;
  }

  #listen(): Feed {
    this.#blindSinceMs = this.#ports.clock.monotonicMs();
    return this.#ports.listen(this);
  }

  #flush(): void {
    this.#touched.touchAll();
    this.#cells.endAll();
    this.#copies.clear();
  }
}

function isOver(epochs: readonly EpochCell[]): boolean {
  for (const epoch of epochs) if (epoch.isOver) return true;
  return false;
}
