import type { InvalidationSink } from '../../client/tracking/invalidation-feed.js';
import { LRUCache } from 'lru-cache';

import type { Clock } from '../../core/clock.js';
import type { EntryFormat } from '../entries/entry.js';
import type { Events } from '../events.js';
import type { Copy, Index, Place } from './copy.js';
import { type EpochCell, EpochCells } from './epoch-cells.js';
import type { Announcer, Feed } from './feed.js';
import { Indexes } from './indexes.js';
import { mayShare } from './isolate.js';
import type { NearPlan } from './near-options.js';
import { Touched } from './touched.js';

/** What an entry takes beside its bytes and its key, for the bound. */
const OVERHEAD_BYTES = 200;
/** How exactly it is known when a copy was last used. */
const USED_MS = 50;

/** A fresh entry that was read, to be kept. */
export interface Offer {
  readonly view: NearView;
  readonly id: string;
  readonly key: string;
  readonly bytes: Buffer;
  readonly value: unknown;
  /** One object for all. */
  readonly isShared: boolean;
  readonly loadMs: number;
  /** For how long it is fresh; infinite where it does not say. */
  readonly leftMs: number;
  /** Of the epochs in which it is valid. */
  readonly epochKeys: readonly string[];
  /** As `beforeRead` has said. */
  readonly since: number;
}

export interface NearPorts {
  readonly clock: Clock;
  readonly plan: NearPlan;
  /** Begins to listen. Called once, when the first copy could be made. */
  readonly listen: (sink: InvalidationSink) => Feed;
  /** Tells others of keys that this process has changed; absent where the server does. */
  readonly bulletin?: Announcer | undefined;
  /** For how long Redis will keep a key. */
  readonly askLeftMs: (key: string) => Promise<number>;
  readonly report: (error: unknown) => void;
  /** Who wants to know whether changes are told. */
  readonly events: Pick<Events, 'emit'>;
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
export class Near implements InvalidationSink {
  readonly #ports: NearPorts;
  readonly #copies: LRUCache<string, Copy>;
  readonly #cells = new EpochCells();
  readonly #indexes = new Indexes();
  readonly #touched = new Touched();
  /** Keys whose lifetime is being asked for. */
  readonly #asking = new Set<string>();
  #feed: Feed | undefined;
  #isArmed = false;
  #nowMs = 0;
  #blindMs = 0;
  #blindSinceMs = 0;

  constructor(ports: NearPorts) {
    this.#ports = ports;
    const { maxEntries, maxBytes } = ports.plan;
    this.#copies = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      dispose: (copy) => this.#gone(copy),
    });
  }

  /** What a namespace sees of it. @param root what its keys begin with */
  view(root: string, format: EntryFormat): NearView {
    return new NearView(this, root, format);
  }

  indexOf(place: Place): Index {
    return this.#indexes.of(place) ?? new Map();
  }

  /** Whether a copy may be served now. */
  mayServe(copy: Copy): boolean {
    const feed = this.#feed;
    if (feed === undefined) return false;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#nowMs = nowMs;
    if (nowMs - feed.coherentAsOfMs > this.#ports.plan.maxStalenessMs) return false;
    if (nowMs >= copy.untilMs || isOver(copy.epochs)) {
      this.#copies.delete(copy.key);
      return false;
    }
    if (nowMs - copy.usedMs > USED_MS) {
      copy.usedMs = nowMs;
      this.#copies.get(copy.key);
    }
    return true;
  }

  /** For how long a copy is fresh that may be served: by the look at the clock that said so. */
  leftMsOf({ freshUntilMs }: Copy): number {
    return freshUntilMs - this.#nowMs;
  }

  /** To be called before a read is sent whose entry may be kept, and handed in with it; the first begins to listen. */
  beforeRead(): number {
    this.#feed ??= this.#listen();
    return this.#touched.sequence;
  }

  /** Whether one object may be given to all who ask for the value; it is frozen then, if it is to be. */
  share(value: unknown): boolean {
    return mayShare(value, this.#ports.plan.isolation);
  }

  /**
   * Keeps what was read, unless something was told of it meanwhile, for no longer than Redis does: an entry may have been
   * given a shorter life than it says, and its end is told only when the server comes upon it.
   * Cost: one `PTTL`, which nobody waits for.
   */
  offer(offer: Offer): void {
    const { key, view } = offer;
    if (this.#copies.peek(key)?.index === view.index || this.#asking.has(key) || !this.#mayKeep(offer)) return;
    this.#asking.add(key);
    void this.#ask(offer).finally(() => this.#asking.delete(key));
  }

  async #ask(offer: Offer): Promise<void> {
    const { clock, askLeftMs, report } = this.#ports;
    const sentMs = clock.monotonicMs();
    try {
      const leftMs = Math.min(offer.leftMs, await askLeftMs(offer.key));
      if (this.#mayKeep(offer)) this.#keep(offer, leftMs - (clock.monotonicMs() - sentMs));
    } catch (error) {
      report(error);
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
    const { view, id, key, value, isShared, loadMs } = offer;
    const nowMs = clock.monotonicMs();
    const index = this.#indexes.enter(view);
    const copy: Copy = {
      key,
      index,
      id,
      usedMs: nowMs,
      value: isShared ? value : undefined,
      // not the memory of all that came with it
      bytes: isShared ? undefined : Buffer.from(offer.bytes),
      loadMs,
      freshUntilMs: nowMs + leftMs,
      untilMs: nowMs + Math.min(leftMs, plan.ttlMs),
      epochs: this.#cells.take(offer.epochKeys),
    };
    // before others go for it: an index that became empty would be forgotten
    index.set(id, copy);
    this.#copies.set(key, copy, { size });
  }

  /** Something is being done to a key, or to an epoch. */
  forget(key: string): void {
    this.#touched.touch(key);
    this.#cells.end(key);
    this.#copies.delete(key);
  }

  /** Tells others of keys that this process has changed, where the server does not. */
  announce(keys: readonly string[]): void {
    this.#ports.bulletin?.announce(keys);
  }

  stats(): NearStats {
    const blindMs = this.#blindMs + (this.#isBlind ? this.#ports.clock.monotonicMs() - this.#blindSinceMs : 0);
    return { entries: this.#copies.size, bytes: this.#copies.calculatedSize, blindMs: Math.round(blindMs) };
  }

  onArmed(): void {
    this.#isArmed = true;
    this.#touched.touchAll();
    const blindMs = this.#ports.clock.monotonicMs() - this.#blindSinceMs;
    this.#blindMs += blindMs;
    this.#ports.events.emit('armed', { blindMs: Math.round(blindMs) });
  }

  onBlind(cause: Error): void {
    this.#isArmed = false;
    this.#blindSinceMs = this.#ports.clock.monotonicMs();
    this.#flush();
    this.#ports.events.emit('blind', { cause });
  }

  onInvalidate(keys: readonly string[] | undefined): void {
    if (keys === undefined) this.#flush();
    else for (const key of keys) this.forget(key);
  }

  close(): void {
    this.#feed?.close();
    this.#ports.bulletin?.close();
    this.#feed = undefined;
    this.#isArmed = false;
    this.#flush();
  }

  get #isBlind(): boolean {
    return this.#feed !== undefined && !this.#isArmed;
  }

  #gone({ index, id, epochs }: Copy): void {
    this.#cells.giveBack(epochs);
    index.delete(id);
    if (index.size === 0) this.#indexes.leave(index);
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

/** One namespace of it. */
export class NearView implements Place {
  readonly near: Near;
  readonly root: string;
  readonly format: EntryFormat;
  /** That of all who see the same namespace in the same format, once one of them has kept something. */
  index: Index;

  constructor(near: Near, root: string, format: EntryFormat) {
    this.near = near;
    this.root = root;
    this.format = format;
    this.index = near.indexOf(this);
  }

  /** A copy that may be served now. */
  find(id: string): Copy | undefined {
    const copy = this.index.get(id);
    return copy !== undefined && this.near.mayServe(copy) ? copy : undefined;
  }
}

function isOver(epochs: readonly EpochCell[]): boolean {
  for (const epoch of epochs) if (epoch.isOver) return true;
  return false;
}
