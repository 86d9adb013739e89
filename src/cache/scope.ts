import type { RedisManager } from '../client/manager.js';
import { checkText } from '../core/check.js';
import type { KeySpace } from '../core/key-space.js';
import { type Duration, toMs } from '../core/duration.js';
import { ClosedError } from '../core/errors.js';
import { EntryFormat } from './entries/entry.js';
import type { Quarantine } from './entries/entry-store.js';
import { changing } from './near/changing.js';
import type { Near, NearView } from './near/near.js';
import { planNear } from './near/near-options.js';
import { type Common, openCommon } from './common.js';
import type { Epoch } from './epochs/epoch.js';
import type { Epochs } from './epochs/epochs.js';
import { Events } from './events.js';
import { Failures } from './failures.js';
import {
  type CacheOptions,
  checkCacheOptions,
  checkNamespaceOptions,
  type LoadPlan,
  type NamespaceOptions,
  planDefaults,
  planOf,
  planWrite,
  type WriteTerms,
} from './options.js';
import type { Reading } from './reads/read.js';
import { Tally } from './stats.js';

interface Own {
  readonly space: Reading['space'];
  readonly codecOptions: CacheOptions['codec'];
  readonly version: string | undefined;
  readonly format: EntryFormat;
  readonly events: Events;
  readonly failures: Failures;
  readonly plan: LoadPlan;
  readonly parent: Scope | undefined;
  readonly near: Near | undefined;
  readonly quarantineMs: number;
  /** Whose epochs its entries are written in. */
  readonly epochSpace: KeySpace;
}

/** One namespace: its keys, its format, its defaults, its failures and its counts. The root is a namespace too. */
export class Scope implements Reading {
  readonly common: Common;
  readonly space: Reading['space'];
  readonly codecOptions: CacheOptions['codec'];
  readonly format: EntryFormat;
  readonly events: Events;
  readonly failures: Failures;
  readonly plan: LoadPlan;
  readonly tally: Tally = new Tally();
  readonly epochKey: string;
  /** Undefined where its reads all go to Redis. */
  readonly near: NearView | undefined;
  /** 0: none. */
  readonly quarantineMs: number;
  /** For reads that are no caller's. */
  readonly uncounted: Reading;
  readonly #version: string | undefined;
  readonly #epochSpace: KeySpace;
  readonly #parent: Scope | undefined;
  #terms: WriteTerms | undefined;
  #epoch: Epoch | undefined;
  #closed = false;

  private constructor(common: Common, own: Own) {
    this.common = common;
    this.space = own.space;
    this.codecOptions = own.codecOptions;
    this.format = own.format;
    this.events = own.events;
    this.failures = own.failures;
    this.plan = own.plan;
    this.#version = own.version;
    this.#parent = own.parent;
    this.quarantineMs = own.quarantineMs;
    this.near = own.near?.view(own.space.root, own.format);
    this.#epochSpace = own.epochSpace;
    this.epochKey = own.epochSpace.own('epoch');
    const { epochs, epochKey } = this;
    const tagKey = (tag: string): string => this.tagKey(tag);
    const { space, format, failures } = own;
    this.uncounted = { space, format, failures, epochs, epochKey, tagKey, near: undefined, tally: new Tally() };
  }

  get epochs(): Epochs {
    return this.common.epochs;
  }

  /** Made when something is written: a namespace that is only named costs nothing. */
  get epoch(): Epoch {
    this.#epoch ??= this.epochs.of(this.epochKey);
    return this.#epoch;
  }

  tagKey(tag: string): string {
    return this.#epochSpace.own('tag', tag);
  }

  static root(manager: RedisManager, defaultTtl: Duration, options: CacheOptions): Scope {
    const base = planOf(defaultTtl);
    checkCacheOptions(options);
    const { prefix, version } = options;
    const codecOptions = options.codec ?? manager.config.codec;
    const space = manager.keySpace('cache', prefix);
    const near = options.near === undefined || options.near === false ? undefined : planNear(options.near);
    const events = new Events(undefined);
    const common = openCommon(manager, { prefix, space, near, events });
    return new Scope(common, {
      space,
      codecOptions,
      version,
      format: new EntryFormat(codecOptions, version),
      events,
      failures: new Failures(options.onError ?? 'open', events),
      plan: planDefaults(options.defaults, base),
      parent: undefined,
      epochSpace: space,
      near: common.near,
      quarantineMs: quarantineOf(options, 0),
    });
  }

  namespace(name: string, options: NamespaceOptions): Scope {
    checkText('cache.namespace', name);
    const space = this.space.namespace(name);
    return this.#inside(space, options, space);
  }

  /** Keys of its own, no namespace's, which `clear` and `invalidateTags` of this one reach. */
  section(space: KeySpace, options: NamespaceOptions): Scope {
    return this.#inside(space, options, this.#epochSpace);
  }

  #inside(space: KeySpace, options: NamespaceOptions, epochSpace: KeySpace): Scope {
    checkNamespaceOptions(options);
    const codecOptions = options.codec ?? this.codecOptions;
    const version = options.version ?? this.#version;
    const events = new Events(this.events);
    const sameFormat = options.codec === undefined && version === this.#version;
    return new Scope(this.common, {
      space,
      codecOptions,
      version,
      format: sameFormat ? this.format : new EntryFormat(codecOptions, version),
      events,
      failures: new Failures(options.onError ?? this.failures.mode, events),
      plan: planDefaults(options.defaults, this.plan),
      parent: this,
      epochSpace,
      near: options.near === false ? undefined : this.near?.near,
      quarantineMs: quarantineOf(options, this.quarantineMs),
    });
  }

  /** How what is set without a word about it is to be written. */
  terms(): WriteTerms {
    if ((this.plan.jitter ?? 0) > 0) return planWrite(undefined, this.plan, this.common.manager.random);
    // most often: always the same
    this.#terms ??= planWrite(undefined, this.plan, this.common.manager.random);
    return this.#terms;
  }

  /** To be called when a write of a key is about to be sent: earlier reads go first, and no older load may follow. */
  beforeWrite(key: string): void {
    this.common.reader.beforeWrite(key);
    this.common.flights.detach(key);
  }

  /** What is to be kept of an invalidation. */
  quarantine(): Quarantine {
    return { quarantineMs: this.quarantineMs, placeholder: this.format.placeholder(this.epoch.guess) };
  }

  /** Sends what changes keys or epochs, and lets no older copy of them be served from near. */
  changing<T>(keys: readonly string[], send: () => Promise<T>): Promise<T> {
    return changing(this.common.near, keys, send);
  }

  /** Resolves when everything is stored that has been loaded by now. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#parent === undefined) this.common.near?.close();
    await this.common.flights.settled();
    if (this.#parent === undefined) await this.common.journal.close();
  }

  /** @throws ClosedError after `close()` here or in the cache it belongs to */
  assertOpen(): void {
    if (this.#closed) throw new ClosedError('The cache', this.common.manager.endpoint);
    this.#parent?.assertOpen();
  }
}

function quarantineOf({ quarantine }: Pick<CacheOptions, 'quarantine'>, inherited: number): number {
  return quarantine === undefined ? inherited : toMs(quarantine, 'cache.quarantine');
}
