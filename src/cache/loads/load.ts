import { traced } from '../../client/tracing.js';
import type { Clock } from '../../core/clock.js';
import type { Flight } from './flights.js';
import type { CacheEntry } from '../entries/cache-entry.js';
import { isLeased, TIMES } from '../entries/entry-header.js';
import type { Stamp } from '../epochs/epoch.js';
import { confirmStamp } from '../epochs/stamp.js';
import { describe } from '../reads/explain.js';
import type { AcquireMode } from './lease-scripts.js';
import type { Acquired, Lease } from './leases.js';
import { LoadControl, NotModified } from './load-control.js';
import { loadTraces } from './load-trace.js';
import { LoadedValueError } from '../errors.js';
import {
  type Life,
  type LoadedLife,
  lifeOf,
  type Loader,
  type LoadPlan,
  negativeLifeOf,
  type WritePlan,
} from '../options.js';
import { LoadRead } from '../reads/read.js';
import { restampFor, stampLoaded } from './load-stamp.js';
import { check } from './schema.js';
import type { Scope } from '../scope.js';

/** One call of `getOrSet`, checked. */
export interface LoadCall {
  readonly read: LoadRead;
  readonly load: Loader<unknown>;
  readonly plan: LoadPlan;
  /** Called when it waits for what somebody else loads. */
  readonly onWaiting: (() => void) | undefined;
}

/** Where the loader has failed and there is still a value, nobody tries again for so long. */
const PAUSE_AFTER_FAILURE_MS = 1_000;
/** How often those who wait for another process look by themselves. */
const LOOK = { firstMs: 20, lastMs: 500 };

/** What a load may do with its result: a lease stores it, `foreign` replaces what can carry none, undefined is nothing. */
type Right = Lease | 'foreign' | undefined;

/** To load, or what there is without: an entry, or nothing where another process loads and nobody has to wait. */
type Claimed = { readonly right: Right } | { readonly entry: Buffer | undefined };

/**
 * One load, from the question who loads to the stored entry. It yields the bytes of the entry, or undefined where there
 * is no value, or where another process loads and nobody has to wait for it.
 */
export class Load {
  readonly #scope: Scope;
  readonly #call: LoadCall;
  readonly #flight: Flight;
  /** As last read. */
  #read: LoadRead;
  /** The epochs in which the load began; undefined where nothing may be stored. */
  #stamp: Stamp | undefined;
  /** Not after the beginning of the load, by the server's clock. */
  #sinceMs: number | undefined;

  constructor(scope: Scope, call: LoadCall, flight: Flight) {
    this.#scope = scope;
    this.#call = call;
    this.#flight = flight;
    this.#read = call.read;
  }

  async run(): Promise<Buffer | undefined> {
    const { leaseMs, force } = this.#call.plan;
    if (leaseMs === undefined) {
      this.#sinceMs = this.#scope.common.manager.serverTime.earliestMs();
      const { failures } = this.#scope;
      const { operation, id } = this.#call.read;
      this.#stamp = await this.#askStamp().catch((error: unknown) => {
        failures.meet(operation, id, error);
        return undefined;
      });
      return this.#load(undefined);
    }
    const claimed = await this.#claim(leaseMs, force ? 'take' : this.#flight.inBackground ? 'ask' : 'wait');
    return 'entry' in claimed ? claimed.entry : this.#load(claimed.right);
  }

  /** Becomes the one that loads, or waits for what another process brings. */
  async #claim(leaseMs: number, mode: AcquireMode): Promise<Claimed> {
    const { failures, common } = this.#scope;
    const { plan, read } = this.#call;
    try {
      for (;;) {
        if (this.#read.found === 'unknown' && !plan.force) return NO_RIGHT;
        const token = common.leases.newToken();
        this.#flight.claim(token);
        const acquiring = common.leases.acquire({
          key: read.key,
          token,
          leaseMs,
          mode,
          placeholder: this.#scope.format.placeholder(this.#scope.epoch.guess),
          seen: this.#read.bytes?.subarray(TIMES.from, TIMES.to) ?? NOTHING,
        });
        const stamping = this.#askStamp();
        const acquired = await acquiring;
        if (acquired.status === 'granted' || acquired.status === 'unleasable') {
          this.#stamp = await this.#stampOrGiveBack(stamping, acquired);
          this.#sinceMs = acquired.status === 'granted' ? acquired.nowMs : undefined;
          return { right: acquired.status === 'granted' ? acquired.lease : 'foreign' };
        }
        this.#flight.unclaim();
        if (mode === 'ask') return { entry: undefined };
        this.#call.onWaiting?.();
        if (acquired.status === 'held') await this.#waitFor(acquired.heldMs);
        else await this.#lookAgain();
        if (this.#read.found === 'fresh' || this.#read.found === 'stale') {
          this.#flight.found(this.#read.order);
          this.#scope.tally.awaited += 1;
          return { entry: this.#read.bytes };
        }
      }
    } catch (error) {
      if (this.#flight.signal.aborted) throw error;
      failures.meet(read.operation, read.id, error);
      return NO_RIGHT;
    }
  }

  async #stampOrGiveBack(stamping: Promise<Stamp>, acquired: Acquired): Promise<Stamp> {
    try {
      return await stamping;
    } catch (error) {
      if (acquired.status === 'granted') this.#giveBack(acquired.lease, 0);
      throw error;
    }
  }

  /** Asks in which epochs the load begins. */
  #askStamp(): Promise<Stamp> {
    const { plan } = this.#call;
    const asked = confirmStamp(this.#scope, plan.tags, plan.ttlMs + plan.graceMs);
    this.#flight.stamping = asked.catch(() => undefined);
    return asked;
  }

  /** Returns when there is a value, when the lease may have ended, or when there is nothing at the key any more. */
  async #waitFor(heldMs: number): Promise<void> {
    const { clock, random } = this.#scope.common.manager;
    const untilMs = clock.monotonicMs() + heldMs;
    for (let lookMs = LOOK.firstMs; ; lookMs = Math.min(lookMs * 2, LOOK.lastMs)) {
      const leftMs = Math.max(1, untilMs - clock.monotonicMs());
      const pauseMs = Math.min(leftMs, lookMs * (0.5 + random.uniform() / 2));
      await this.#scope.common.wakeups.wait(this.#call.read.key, pauseMs, this.#flight.signal);
      await this.#lookAgain();
      if (this.#read.found !== 'unusable' || clock.monotonicMs() >= untilMs) return;
      // stored, and of no use to us: cleared or invalidated meanwhile, or not to the taste of our schema
      if (this.#read.bytes !== undefined && !isLeased(this.#read.bytes, this.#read.readMs)) return;
    }
  }

  async #lookAgain(): Promise<void> {
    const { flights, reader } = this.#scope.common;
    const { schema } = this.#call.plan;
    this.#read = new LoadRead(this.#scope.uncounted, this.#call.read, flights.advance());
    const value = await reader.read(this.#read);
    if (value === undefined || schema === undefined) return;
    if ((await check(schema, value)).issues !== undefined) this.#read.found = 'unusable';
  }

  /** Runs the loader, and stores what it brings if there is a right to. */
  async #load(right: Right): Promise<Buffer | undefined> {
    const { read, plan } = this.#call;
    const { clock } = this.#scope.common.manager;
    const { signal } = this.#flight;
    if (signal.aborted) {
      // the last caller left while the lease was asked for
      this.#giveBack(right, 0);
      throw signal.reason;
    }
    this.#scope.tally.loads += 1;
    const control = new LoadControl(read.id, signal, { plan, stale: () => this.#stale() });
    const startedMs = clock.monotonicMs();
    // a loader that does not heed its signal is not to keep the lease
    signal.addEventListener('abort', () => this.#giveBack(right, 0), { once: true });
    let value: unknown;
    try {
      value = await this.#runLoader(control);
    } catch (error) {
      if (error instanceof NotModified) return this.#refresh(right, control);
      this.#giveBack(right, PAUSE_AFTER_FAILURE_MS);
      throw error;
    }
    try {
      return await this.#take(right, control, { value, loadMs: tookMs(clock, startedMs) });
    } catch (error) {
      this.#giveBack(right, 0);
      throw error;
    }
  }

  #runLoader(control: LoadControl): Promise<unknown> {
    // a loader may throw at once
    const run = async (): Promise<unknown> => this.#call.load(control);
    if (!loadTraces.hasSubscribers) return run();
    return traced(loadTraces, { key: control.key, background: this.#flight.inBackground }, run);
  }

  async #take(
    right: Right,
    control: LoadControl,
    made: { value: unknown; loadMs: number },
  ): Promise<Buffer | undefined> {
    const { key, id } = this.#call.read;
    const { format } = this.#scope;
    const { plan, verdict } = control;
    if (made.value === undefined && verdict !== 'not-found') {
      this.#giveBack(right, 0);
      return undefined;
    }
    const stamp = verdict === 'skip' ? undefined : await this.#stampFor(plan);
    const own = verdict === 'not-found' ? negativeLifeOf(plan) : lifeOf(plan, this.#scope.common.manager.random);
    const life = this.#quarantined(own, stamp);
    const facts = { ...(stamp ?? UNSTAMPED), loadMs: made.loadMs, slidingMs: life.slidingMs };
    if (verdict === 'not-found') {
      if (stamp === undefined) this.#giveBack(right, 0);
      else await this.#store(right, format.encodeNegative(facts), life);
      return undefined;
    }
    const entry = format.encode(key, made.value, facts);
    const { schema } = this.#call.plan;
    if (schema !== undefined) {
      const result = await check(schema, format.value(key, entry));
      if (result.issues !== undefined) throw new LoadedValueError(id, schema, result.issues);
    }
    this.#flight.loaded = entry;
    if (stamp === undefined) this.#giveBack(right, 0);
    else await this.#store(right, entry, life);
    return entry;
  }

  /** What the entry is to be stamped with; undefined where nothing may be stored. */
  async #stampFor(plan: WritePlan): Promise<Stamp | undefined> {
    const { read } = this.#call;
    if (this.#stamp === undefined) return undefined;
    try {
      const stamp = await stampLoaded(this.#scope, plan, { stamp: this.#stamp, sinceMs: this.#sinceMs });
      if (stamp !== undefined) return stamp;
      this.#flight.isOvertaken = true;
      this.#tellFenced();
    } catch (error) {
      this.#scope.failures.meet(read.operation, read.id, error);
    }
    return undefined;
  }

  /** The value that is there is right, says the loader. */
  async #refresh(right: Right, { plan }: LoadControl): Promise<Buffer | undefined> {
    const stamp = this.#stamp && restampFor(this.#scope, this.#read, this.#stamp);
    const life = this.#quarantined(lifeOf(plan, this.#scope.common.manager.random), stamp);
    if (stamp === undefined) this.#giveBack(right, 0);
    else if (typeof right === 'object') await this.#settle(() => right.refresh(life, stamp));
    return this.#read.bytes;
  }

  /** What was loaded a moment after an invalidation may be what was before it. */
  #quarantined(life: Life, stamp: Stamp | undefined): LoadedLife {
    const { quarantineMs } = this.#scope;
    const changedMs = stamp?.changedMs ?? 0;
    return { ...life, quarantinedMs: quarantineMs === 0 || changedMs === 0 ? 0 : changedMs + quarantineMs };
  }

  async #store(right: Right, entry: Buffer, life: LoadedLife): Promise<void> {
    if (!this.#flight.maySet) {
      this.#tellFenced();
      return this.#giveBack(right, 0);
    }
    const { key } = this.#call.read;
    const { reader, leases } = this.#scope.common;
    reader.beforeWrite(key);
    if (right === 'foreign') return this.#settle(() => leases.replace(key, entry, life));
    if (right !== undefined) return this.#settle(() => right.commit(entry, life));
    // each process loads for itself, and still stores nothing that was overtaken
    if (this.#call.plan.leaseMs === undefined) return this.#settle(() => this.#storeUnclaimed(entry, life));
  }

  async #storeUnclaimed(entry: Buffer, life: LoadedLife): Promise<boolean> {
    const claimed = await this.#claim(UNCLAIMED_LEASE_MS, this.#call.plan.force ? 'take' : 'ask');
    if ('entry' in claimed || claimed.right === undefined) return false;
    const { right } = claimed;
    if (right === 'foreign') return this.#scope.common.leases.replace(this.#call.read.key, entry, life);
    return right.commit(entry, life);
  }

  /** Callers do not wait for what is being stored, unless they are to hear of failures. */
  async #settle(put: () => Promise<boolean>): Promise<void> {
    const { failures } = this.#scope;
    const { operation, id, key } = this.#call.read;
    const stored = this.#scope
      .changing([key], put)
      .then((done) => {
        if (!done) this.#tellFenced();
      })
      .catch((error: unknown) => failures.meet(operation, id, error));
    if (failures.mode === 'throw') return stored;
    this.#flight.stored = stored;
    this.#scope.common.flights.track(stored);
  }

  #tellFenced(): void {
    this.#scope.tally.fenced += 1;
    this.#scope.events.emit('fenced', { key: this.#call.read.id });
  }

  #giveBack(right: Right, pauseMs: number): void {
    if (typeof right !== 'object' || right.isOver) return;
    const given = right.release(pauseMs).then(
      () => {},
      (error: unknown) => this.#scope.failures.tell(this.#call.read.operation, this.#call.read.id, error),
    );
    this.#scope.common.flights.track(given);
  }

  #stale(): CacheEntry<unknown> | undefined {
    const { bytes, found, key } = this.#read;
    return bytes === undefined || found !== 'stale' ? undefined : describe(this.#scope, { key, bytes, verdict: found });
  }
}

const NOTHING = Buffer.alloc(0);
const UNSTAMPED = { epoch: undefined, tags: [], changedMs: 0 };
const NO_RIGHT: Claimed = { right: undefined };
/** Long enough to store what is at hand. */
const UNCLAIMED_LEASE_MS = 5_000;

function tookMs(clock: Clock, startedMs: number): number {
  return Math.max(1, Math.round(clock.monotonicMs() - startedMs));
}
