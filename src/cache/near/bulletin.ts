import type { Timer } from '../../core/clock.js';
import { ClosedError } from '../../core/errors.js';
import { BulletinFeed, type BulletinPorts, type Notice } from './bulletin-feed.js';
import type { Feed, FeedSink } from './feed.js';

const ID_BYTES = 12;
const RETRY_MS = 1_000;
/** More than one message is to have. */
const MAX_KEYS = 1_000;
/** More that could not be told stand for all keys. */
const MAX_UNTOLD = 4_096;
const ALL: readonly string[] = [];

/**
 * News of changed keys by pub/sub, for servers and proxies without `CLIENT TRACKING`: each process publishes the keys that
 * it changes, right behind the change and once more when that is confirmed. What others do to the keys, and what expires,
 * is not told; nor what was changed by a process that died before it could tell.
 */
export class Bulletin {
  readonly #ports: BulletinPorts;
  readonly #id: string;
  /** Changed just now: they are told together. */
  readonly #coming = new Set<string>();
  /** Keys that could not be told yet; undefined stands for all. */
  #untold: Set<string> | undefined = new Set();
  #retry: Timer | undefined;
  #isReported = false;
  #isClosed = false;

  constructor(ports: BulletinPorts) {
    this.#ports = ports;
    this.#id = ports.manager.random.bytes(ID_BYTES).toString('base64url');
  }

  /** Tells the others: behind what has been sent by now, and before anybody hears that a change was confirmed. */
  announce(keys: readonly string[]): void {
    if (keys.length === 0) return;
    if (this.#coming.size === 0) queueMicrotask(() => this.#tell());
    for (const key of keys) this.#coming.add(key);
  }

  /** Listens to the others, and to itself, which is how it knows that the others are heard. */
  listen(sink: FeedSink): Feed {
    return new BulletinFeed(this.#ports, this.#id, sink);
  }

  /** What could not be told is tried once more. What is changed yet, by loads that end, is told as ever. */
  close(): void {
    this.#isClosed = true;
    if (this.#retry !== undefined) this.#tellAgain();
  }

  #tell(): void {
    const keys = [...this.#coming];
    this.#coming.clear();
    for (let from = 0; from < keys.length; from += MAX_KEYS) this.#publish(keys.slice(from, from + MAX_KEYS));
  }

  /** @param keys none: all */
  #publish(keys: readonly string[]): void {
    const { manager, channel } = this.#ports;
    const notice: Notice = { by: this.#id, keys };
    manager.command(['PUBLISH', channel, JSON.stringify(notice)], { idempotent: true }).then(
      () => {
        this.#isReported = false;
      },
      (error: unknown) => this.#failed(keys, error),
    );
  }

  /** What fails is told again later. One report for an outage. */
  #failed(keys: readonly string[], error: unknown): void {
    if (error instanceof ClosedError) return;
    const { manager } = this.#ports;
    if (!this.#isReported) manager.reportError('cache', error);
    this.#isReported = true;
    if (keys === ALL) this.#untold = undefined;
    for (const key of keys) this.#untold?.add(key);
    if (this.#untold !== undefined && this.#untold.size > MAX_UNTOLD) this.#untold = undefined;
    if (!this.#isClosed) this.#retry ??= manager.clock.backgroundTimer(RETRY_MS, () => this.#tellAgain());
  }

  #tellAgain(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    const untold = this.#untold;
    this.#untold = new Set();
    if (untold === undefined) return this.#publish(ALL);
    this.announce([...untold]);
  }
}
