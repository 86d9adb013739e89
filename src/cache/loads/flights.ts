import { ignore } from '../../core/abort.js';
import type { EntryFormat } from '../entries/entry.js';
import { holdsLease } from '../entries/entry-header.js';
import type { Stamp } from '../epochs/epoch.js';

/** One load in progress, and those who wait for it. It yields the entry's bytes, of which each caller gets its own value. */
export class Flight {
  readonly key: string;
  readonly format: EntryFormat;
  /** Nobody has to wait for it: there is a value to serve meanwhile. */
  readonly inBackground: boolean;
  /** The entry's bytes, as soon as they are known. */
  loaded: Buffer | undefined = undefined;
  /** Settles when what was loaded has been stored; never rejects. */
  stored: Promise<void> | undefined = undefined;
  /** A tag of what it has brought was invalidated while it was loaded: good enough for those who called before, only. */
  isOvertaken = false;
  /** The epochs in which it was begun, as soon as they are known; undefined where the store failed. Never rejects. */
  stamping: Promise<Stamp | undefined> = Promise.resolve(undefined);
  /** What its lease is known by, from the time when it is asked for. */
  #token: Buffer | undefined;
  #claimedAt = 0;
  #foundAt: number | undefined;
  readonly #fleet: Flights;
  readonly #loader = new AbortController();
  #waiting = 0;
  #entry: Promise<Buffer | undefined> = Promise.resolve(undefined);

  constructor(fleet: Flights, { key, format, inBackground }: FlightPlan) {
    this.#fleet = fleet;
    this.key = key;
    this.format = format;
    this.inBackground = inBackground;
  }

  /** Aborts when the last caller has left. */
  get signal(): AbortSignal {
    return this.#loader.signal;
  }

  /** False once the key was written or removed here, or another load took over: then the result must not be stored. */
  get maySet(): boolean {
    return this.#fleet.at(this.key) === this;
  }

  /** To be called before it asks for a lease: whatever has happened to the key by now, the load will see. */
  claim(token: Buffer): void {
    this.#claimedAt = this.#fleet.advance();
    this.#token = token;
  }

  /** It did not get the lease. */
  unclaim(): void {
    this.#token = undefined;
  }

  /** What it brings was not loaded but found, by a read that was made at that order. */
  found(order: number): void {
    this.#foundAt = order;
  }

  /** Whether it has to be loaded after somebody has read the key: what he may know of, the load will see. */
  beginsAfter(read: Reading): boolean {
    return this.#token === undefined || this.#claimedAt > read.order;
  }

  /**
   * Whether nobody had touched the entry between the beginning of the load and a reading of it. A load without a lease
   * cannot tell.
   */
  isIntact(read: Reading): boolean {
    const { bytes } = read;
    return this.#token !== undefined && bytes !== undefined && holdsLease(bytes, this.#token);
  }

  /** Whether what it has brought is older than what somebody has read. */
  isOlderThan(read: Reading): boolean {
    return this.#foundAt !== undefined && this.#foundAt <= read.order;
  }

  /** @internal */
  begin(load: (flight: Flight) => Promise<Buffer | undefined>): void {
    this.#entry = load(this).finally(() => this.#fleet.end(this));
    this.#entry.catch(ignore); // each caller hears of it by `join`; when all have left, nobody is meant to
  }

  /** Waits for the entry, until the caller's signal aborts. `undefined`: there is no value. */
  join(signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    this.#waiting += 1;
    if (signal === undefined) return this.#entry;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        this.#leave(signal.reason);
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      void this.#entry.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /** Ends the load: nobody is to have what it would bring. */
  abort(reason: unknown): void {
    this.#fleet.end(this);
    this.#loader.abort(reason);
  }

  #leave(reason: unknown): void {
    this.#waiting -= 1;
    if (this.#waiting === 0 && !this.inBackground) this.abort(reason);
  }
}

/** What somebody has read before asking for a flight. */
export interface Reading {
  readonly bytes: Buffer | undefined;
  /** `Flights.order` when it was sent, or before. */
  readonly order: number;
}

export interface FlightPlan {
  readonly key: string;
  readonly format: EntryFormat;
  readonly inBackground: boolean;
}

/**
 * The loads in progress in this process, at most one current per key. A write or removal of the key through this cache
 * detaches its flight: the callers that wait for it still get their value, but it is not stored, and who asks from now
 * on starts another. What other processes write and remove ends the lease of the flight instead.
 */
export class Flights {
  readonly #current = new Map<string, Flight>();
  /** What is being stored or given back. */
  readonly #sending = new Set<Promise<void>>();

  #order = 0;

  /** Grows with each claim: tells what came before what in this process. */
  get order(): number {
    return this.#order;
  }

  /** @internal */
  advance(): number {
    this.#order += 1;
    return this.#order;
  }

  at(key: string): Flight | undefined {
    return this.#current.get(key);
  }

  /** Starts a load and makes it the current one, detaching another. */
  start(plan: FlightPlan, load: (flight: Flight) => Promise<Buffer | undefined>): Flight {
    const flight = new Flight(this, plan);
    this.#current.set(plan.key, flight);
    flight.begin(load);
    return flight;
  }

  detach(key: string): void {
    // to look for a key takes its hash, which a new one does not have yet
    if (this.#current.size > 0) this.#current.delete(key);
  }

  /** Forgets a flight, at once or when its entry has been stored: until then whoever asks joins it. */
  end(flight: Flight): void {
    const { stored } = flight;
    if (stored === undefined) this.#forget(flight);
    else void stored.then(() => this.#forget(flight));
  }

  /** Takes part in `settled`. @param sending never rejects */
  track(sending: Promise<void>): void {
    this.#sending.add(sending);
    void sending.then(() => this.#sending.delete(sending));
  }

  /** Resolves when everything is stored that has been loaded by now, and every lease given back that is not needed. */
  async settled(): Promise<void> {
    await Promise.all(this.#sending);
  }

  #forget(flight: Flight): void {
    if (this.#current.get(flight.key) === flight) this.#current.delete(flight.key);
  }
}
