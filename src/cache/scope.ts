import type { RedisManager } from '../client/manager.js';
import { checkText } from '../core/check.js';
import type { Duration } from '../core/duration.js';
import { ClosedError } from '../core/errors.js';
import { Counters } from './counters.js';
import { EntryFormat } from './entries/entry.js';
import { EntryStore } from './entries/entry-store.js';
import { Failures } from './failures.js';
import { Flights } from './loads/flights.js';
import { Leases } from './loads/leases.js';
import {
  type CacheOptions,
  checkCacheOptions,
  checkNamespaceOptions,
  type LoadPlan,
  type NamespaceOptions,
  planDefaults,
  planOf,
} from './options.js';
import { type Reading, Reader } from './reads/reader.js';
import { Tally } from './stats.js';
import { Wakeups } from './loads/wakeups.js';

/** What all namespaces of one cache share: their reads travel together, and their loads know of each other's writes. */
interface Common {
  readonly manager: RedisManager;
  readonly prefix: string | undefined;
  readonly reader: Reader;
  readonly flights: Flights;
  readonly counters: Counters;
  readonly store: EntryStore;
  readonly leases: Leases;
  readonly wakeups: Wakeups;
}

interface Own {
  readonly space: Reading['space'];
  readonly codecOptions: CacheOptions['codec'];
  readonly version: string | undefined;
  readonly format: EntryFormat;
  readonly failures: Failures;
  readonly plan: LoadPlan;
  readonly parent: Scope | undefined;
}

/** One namespace: its keys, its format, its defaults, its failures and its counts. The root is a namespace too. */
export class Scope implements Reading {
  readonly common: Common;
  readonly space: Reading['space'];
  readonly codecOptions: CacheOptions['codec'];
  readonly format: EntryFormat;
  readonly failures: Failures;
  readonly plan: LoadPlan;
  readonly tally: Tally = new Tally();
  /** For reads that are no caller's. */
  readonly uncounted: Reading;
  readonly #version: string | undefined;
  readonly #parent: Scope | undefined;
  #closed = false;

  private constructor(common: Common, own: Own) {
    this.common = common;
    this.space = own.space;
    this.codecOptions = own.codecOptions;
    this.format = own.format;
    this.failures = own.failures;
    this.plan = own.plan;
    this.#version = own.version;
    this.#parent = own.parent;
    this.uncounted = { space: own.space, format: own.format, failures: own.failures, tally: new Tally() };
  }

  static root(manager: RedisManager, defaultTtl: Duration, options: CacheOptions): Scope {
    const base = planOf(defaultTtl);
    checkCacheOptions(options);
    const { prefix, version } = options;
    const codecOptions = options.codec ?? manager.config.codec;
    const space = manager.keySpace('cache', prefix);
    const channel = `${space.root}woken`;
    const common: Common = {
      manager,
      prefix,
      reader: new Reader(manager),
      flights: new Flights(),
      counters: new Counters(manager),
      store: new EntryStore(manager, channel),
      leases: new Leases(manager, channel),
      wakeups: new Wakeups(manager, channel),
    };
    return new Scope(common, {
      space,
      codecOptions,
      version,
      format: new EntryFormat(codecOptions, version),
      failures: new Failures(options.onError ?? 'open', undefined),
      plan: planDefaults(options.defaults, base),
      parent: undefined,
    });
  }

  namespace(name: string, options: NamespaceOptions): Scope {
    checkText('cache.namespace', name);
    checkNamespaceOptions(options);
    const codecOptions = options.codec ?? this.codecOptions;
    const version = options.version ?? this.#version;
    const sameFormat = options.codec === undefined && version === this.#version;
    return new Scope(this.common, {
      space: this.space.namespace(name),
      codecOptions,
      version,
      format: sameFormat ? this.format : new EntryFormat(codecOptions, version),
      failures: new Failures(options.onError ?? this.failures.mode, this.failures),
      plan: planDefaults(options.defaults, this.plan),
      parent: this,
    });
  }

  /** To be called when a write of a key is about to be sent: earlier reads go first, and no older load may follow. */
  beforeWrite(key: string): void {
    this.common.reader.beforeWrite(key);
    this.common.flights.detach(key);
  }

  /** Resolves when everything is stored that has been loaded by now. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.common.flights.settled();
  }

  /** @throws ClosedError after `close()` here or in the cache it belongs to */
  assertOpen(): void {
    if (this.#closed) throw new ClosedError('The cache', this.common.manager.endpoint);
    this.#parent?.assertOpen();
  }
}
