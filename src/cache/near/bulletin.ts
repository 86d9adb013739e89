import type { InvalidationSink } from '../../client/tracking/invalidation-feed.js';
import type { RedisManager } from '../../client/manager.js';
import { ignore } from '../../core/abort.js';
import type { Timer } from '../../core/clock.js';
import { ClosedError } from '../../core/errors.js';
import { BulletinFeed, type BulletinPorts } from './bulletin-feed.js';
import type { Announcer, Feed } from './feed.js';
import type { Notice } from './notice.js';

const ID_BYTES = 12;
const RETRY_MS = 1_000;
/** More than one message is to have. */
const MAX_KEYS = 1_000;
/** More that could not be told stand for all keys. */
const MAX_UNTOLD = 4_096;
const ALL: readonly string[] = [];
const MAX_PROBE_MS = 1_000;
const PROBES_PER_STALENESS = 4;
const MIN_PATIENCE_MS = 3_000;

export interface BulletinOptions {
  readonly manager: RedisManager;
  readonly channel: string;
  readonly maxStalenessMs: number;
}

/**
 * News of changed keys by pub/sub, for servers and proxies without `CLIENT TRACKING`: each process publishes the keys that
 * it changes, right behind the change and once more when that is confirmed. What others do to the keys, and what expires,
 * is not told; nor what was changed by a process that died before it could tell.
 */
export class Bulletin implements Announcer {
  readonly #options: BulletinOptions;
  readonly #probeEveryMs: number;
  readonly #id: string;
  readonly #forgetCloseHook: () => void;
  /** Changed just now: they are told together. */
  readonly #coming = new Set<string>();
  /** Keys that could not be told yet; undefined stands for all. */
  #untold: Set<string> | undefined = new Set();
  #retry: Timer | undefined;
  /** For a sign of life behind the last news, by which others notice that those were lost. */
  #epilogue: Timer | undefined;
  #lastN = 0;
  #isReported = false;
  #isClosed = false;

  constructor(options: BulletinOptions) {
    this.#options = options;
    this.#probeEveryMs = Math.min(MAX_PROBE_MS, options.maxStalenessMs / PROBES_PER_STALENESS);
    this.#id = options.manager.random.bytes(ID_BYTES).toString('base64url');
    this.#forgetCloseHook = options.manager.onClose(() => this.close());
  }

  /** Tells the others: behind what has been sent by now, and before anybody hears that a change was confirmed. */
  announce(keys: readonly string[]): void {
    if (keys.length === 0) return;
    if (this.#coming.size === 0) queueMicrotask(() => this.#tell());
    for (const key of keys) this.#coming.add(key);
  }

  /** Listens to the others, and to itself, which is how it knows that the others are heard. */
  listen(sink: InvalidationSink): Feed {
    const { manager, channel, maxStalenessMs } = this.#options;
    const ports: BulletinPorts = {
      manager,
      channel,
      probeEveryMs: this.#probeEveryMs,
      patienceMs: Math.max(MIN_PATIENCE_MS, maxStalenessMs),
      say: (about) => this.#say(undefined, about),
    };
    return new BulletinFeed(ports, this.#id, sink);
  }

  /** What could not be told is tried once more. What is changed yet, by loads that end, is told as ever. */
  close(): void {
    this.#isClosed = true;
    this.#forgetCloseHook();
    this.#epilogue?.cancel();
    if (this.#retry !== undefined) this.#tellAgain();
  }

  #tell(): void {
    const keys = [...this.#coming];
    this.#coming.clear();
    for (let from = 0; from < keys.length; from += MAX_KEYS) this.#publish(keys.slice(from, from + MAX_KEYS));
  }

  /** @param keys none: all */
  #publish(keys: readonly string[]): void {
    this.#say(keys).then(
      () => {
        this.#isReported = false;
      },
      (error: unknown) => this.#failed(keys, error),
    );
    if (this.#isClosed) return;
    this.#epilogue = this.#options.manager.clock.backgroundTimer(this.#probeEveryMs, () => {
      // if it fails, too, the next word will do
      this.#say(undefined).catch(ignore);
    });
  }

  #say(keys: readonly string[] | undefined, about: (n: number) => void = ignore): Promise<unknown> {
    this.#epilogue?.cancel();
    this.#epilogue = undefined;
    const { manager, channel } = this.#options;
    const n = (this.#lastN += 1);
    about(n);
    const notice: Notice = { by: this.#id, n, keys };
    // news may come twice; a sign of life that fails is to be known to have failed
    const options = { idempotent: keys !== undefined };
    return manager.command(['PUBLISH', channel, JSON.stringify(notice)], options);
  }

  /** What fails is told again later. One report for an outage. */
  #failed(keys: readonly string[], error: unknown): void {
    if (error instanceof ClosedError) return;
    const { manager } = this.#options;
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
