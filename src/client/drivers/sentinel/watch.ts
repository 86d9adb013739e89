import { jitteredDelay } from '../../../core/backoff.js';
import type { Timer } from '../../../core/clock.js';
import { ConnectionError } from '../../../core/errors.js';
import type { Runtime } from '../../../core/runtime.js';
import type { Address } from '../../config/settings.js';
import type { WireConnection } from '../wire/connection.js';
import type { Sentinels } from './sentinels.js';

export interface WatchPorts extends Runtime {
  readonly endpoint: string;
  readonly sentinels: Sentinels;
  /** A sentinel whose word is fresh says that this is the primary. */
  readonly onPrimary: (address: Address) => void;
  readonly report: (error: unknown) => void;
}

const CHANNEL = '+switch-master';
const RETRY = { baseMs: 50, maxMs: 5_000 };
/** A connection that lived this long was a good one: the next loss begins with the shortest pause again. */
const STABLE_MS = 2_000;

/**
 * Listens at one sentinel for the news of another primary, and at another one when that is lost. What it hears it does
 * not believe at once: it asks the sentinel, whose word says how old it is. It asks as well whenever it has begun to
 * listen, because of what it may have missed.
 *
 * It does not keep the process alive. While nobody can be listened to it reports that once, and goes on trying.
 */
export class SwitchWatch {
  readonly #ports: WatchPorts;
  #retry: Timer | undefined;
  #attempt = 0;
  #listeningSinceMs = 0;
  #reported = false;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
  }

  /** Begins to listen; ends with the sentinels' `stop`, after which `stop` is to be called here too. */
  start(): void {
    void this.#listen();
  }

  stop(): void {
    this.#retry?.cancel();
  }

  async #listen(): Promise<void> {
    const { sentinels, endpoint } = this.#ports;
    let cause: unknown;
    for (const sentinel of sentinels.addresses) {
      try {
        return await this.#listenTo(sentinel);
      } catch (error) {
        cause = error;
      }
      if (sentinels.stopped) return;
    }
    if (!this.#reported) {
      this.#reported = true;
      const why = 'no sentinel can be listened to: another primary may be noticed late';
      const facts = { endpoint, reason: 'unreachable', outcome: 'not-sent', cause } as const;
      this.#ports.report(new ConnectionError(`The sentinels of ${endpoint} are out of reach: ${why}`, facts));
    }
    this.#listenLater();
  }

  async #listenTo(sentinel: Address): Promise<void> {
    const { sentinels, clock } = this.#ports;
    const connection = await sentinels.open(sentinel);
    if (sentinels.stopped) return connection.destroy();
    sentinels.keep(sentinel, connection);
    connection.unref();
    connection.onMessage = ({ channel }) => {
      if (channel === CHANNEL) void this.#check(sentinel, connection);
    };
    try {
      await connection.subscribe('channel', CHANNEL);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    this.#listeningSinceMs = clock.monotonicMs();
    this.#reported = false;
    connection.whenEnded(() => this.#lost(sentinel));
    void this.#check(sentinel, connection);
  }

  /** The news may be of another primary, or older than what is known: the sentinel itself is asked. */
  async #check(sentinel: Address, connection: WireConnection): Promise<void> {
    const { sentinels, onPrimary } = this.#ports;
    try {
      const word = await sentinels.askOn(connection, sentinel);
      if (word.primary !== undefined && sentinels.judge(word) === 'fresh') onPrimary(word.primary);
    } catch {
      // the connection has ended, which is heard elsewhere, or the ACL lets us listen and not ask
    }
  }

  #lost(sentinel: Address): void {
    const { sentinels, clock } = this.#ports;
    if (sentinels.stopped) return;
    sentinels.lost(sentinel);
    if (clock.monotonicMs() - this.#listeningSinceMs >= STABLE_MS) this.#attempt = 0;
    this.#listenLater();
  }

  #listenLater(): void {
    const { sentinels, clock, random } = this.#ports;
    if (sentinels.stopped) return;
    const delayMs = jitteredDelay(this.#attempt, RETRY, random);
    this.#attempt += 1;
    this.#retry = clock.backgroundTimer(delayMs, () => this.start());
  }
}
