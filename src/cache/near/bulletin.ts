import { ClosedError } from '../../core/errors.js';
import { BulletinFeed, type BulletinPorts, type Notice } from './bulletin-feed.js';
import type { Feed, FeedSink } from './feed.js';

const ID_BYTES = 12;
const RETRY_MS = 1_000;
/** More that could not be told stand for all keys. */
const MAX_UNTOLD = 4_096;

/**
 * News of changed keys by pub/sub, for servers and proxies without `CLIENT TRACKING`: each process publishes the keys that
 * it changes, right behind the change and once more when that is confirmed. What others do to the keys, and what expires,
 * is not told.
 */
export class Bulletin {
  readonly #ports: BulletinPorts;
  readonly #id: string;
  /** Keys that could not be told yet; undefined stands for all. */
  #untold: Set<string> | undefined = new Set();
  #isPlanned = false;

  constructor(ports: BulletinPorts) {
    this.#ports = ports;
    this.#id = ports.manager.random.bytes(ID_BYTES).toString('base64url');
  }

  /** Tells the others. What fails is told again later, and reported. */
  announce(keys: readonly string[]): void {
    this.#publish({ by: this.#id, keys }).catch((error: unknown) => {
      if (error instanceof ClosedError) return;
      this.#ports.manager.reportError('cache', error);
      this.#tellLater(keys);
    });
  }

  /** Listens to the others, and to itself, which is how it knows that the others are heard. */
  listen(sink: FeedSink): Feed {
    return new BulletinFeed(this.#ports, this.#id, sink);
  }

  #publish(notice: Notice): Promise<unknown> {
    return this.#ports.manager.command(['PUBLISH', this.#ports.channel, JSON.stringify(notice)]);
  }

  #tellLater(keys: readonly string[]): void {
    for (const key of keys) this.#untold?.add(key);
    if (this.#untold !== undefined && this.#untold.size > MAX_UNTOLD) this.#untold = undefined;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#ports.manager.clock.backgroundTimer(RETRY_MS, () => {
      this.#isPlanned = false;
      const untold = this.#untold;
      this.#untold = new Set();
      this.announce(untold === undefined ? [] : [...untold]);
    });
  }
}
