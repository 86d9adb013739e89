import { ignore } from '../core/abort.js';
import type { EntryFormat } from './entry.js';

/** One load in progress, and those who wait for it. It yields the entry's bytes, of which each caller gets its own value. */
export class Flight {
  readonly key: string;
  readonly format: EntryFormat;
  /** The entry's bytes, as soon as they are known: before they are stored. */
  loaded: Buffer | undefined = undefined;
  readonly #fleet: Flights;
  readonly #loader = new AbortController();
  #waiting = 0;
  #entry: Promise<Buffer | undefined> = Promise.resolve(undefined);

  constructor(fleet: Flights, key: string, format: EntryFormat) {
    this.#fleet = fleet;
    this.key = key;
    this.format = format;
  }

  /** Aborts when the last caller has left. */
  get signal(): AbortSignal {
    return this.#loader.signal;
  }

  /** False once the key was written or removed, or another load took over: then the result must not be stored. */
  get maySet(): boolean {
    return this.#fleet.at(this.key) === this;
  }

  /** @internal */
  begin(load: (flight: Flight) => Promise<Buffer | undefined>): void {
    this.#entry = load(this).finally(() => this.#fleet.end(this));
    this.#entry.catch(ignore); // each caller hears of it by `join`; when all have left, nobody is meant to
  }

  /** Waits for the entry, until the caller's signal aborts. `undefined`: the loader returned it, nothing was stored. */
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

  #leave(reason: unknown): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#fleet.end(this);
    this.#loader.abort(reason);
  }
}

/**
 * The loads in progress in this process, at most one current per key. A write or removal of the key through this cache
 * detaches its flight: the callers that wait for it still get their value, but it is not stored, and who asks from now
 * on starts another. So a value read before an invalidation is never stored after it – within one process; between
 * processes that takes a lease in Redis.
 */
export class Flights {
  readonly #current = new Map<string, Flight>();

  at(key: string): Flight | undefined {
    return this.#current.get(key);
  }

  /** The flight that a caller with this format may join. */
  joinable(key: string, format: EntryFormat): Flight | undefined {
    const flight = this.#current.get(key);
    return flight?.format === format ? flight : undefined;
  }

  /** Starts a load and makes it the current one, detaching another. */
  start(key: string, format: EntryFormat, load: (flight: Flight) => Promise<Buffer | undefined>): Flight {
    const flight = new Flight(this, key, format);
    this.#current.set(key, flight);
    flight.begin(load);
    return flight;
  }

  detach(key: string): void {
    this.#current.delete(key);
  }

  end(flight: Flight): void {
    if (this.#current.get(flight.key) === flight) this.#current.delete(flight.key);
  }
}
