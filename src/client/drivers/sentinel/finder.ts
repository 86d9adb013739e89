import { sleep } from '../../../core/abort.js';
import { jitteredDelay } from '../../../core/backoff.js';
import { formatAddress } from '../../config/address.js';
import { describeTarget } from '../../config/target.js';
import { request } from '../../request.js';
import type { Address, Settings } from '../../config/settings.js';
import type { WireConnection } from '../wire/connection.js';
import { openWire, type OpenPorts } from '../wire/open.js';
import type { Word } from './answer.js';
import { Report } from './report.js';
import type { Sentinels, SentinelTarget } from './sentinels.js';

/** A connection to a server that calls itself the primary. */
export interface Found {
  readonly connection: WireConnection;
  /** `host:port`, as the sentinels call it. */
  readonly name: string;
}

/** One search: it ends within the connect timeout, or when the caller gives up. */
interface Search {
  readonly signal: AbortSignal;
  readonly dueMs: number;
  readonly report: Report;
  /** Servers of this round that are of no use. */
  readonly tried: Set<string>;
  /** A server that was named is a replica: a failover is under way, or whoever named it has missed one. */
  metReplica: boolean;
}

const ROUNDS = { baseMs: 50, maxMs: 1_000 };

/** Finds the primary and connects to it. */
export class PrimaryFinder {
  readonly #sentinels: Sentinels;
  readonly #target: SentinelTarget;
  readonly #settings: Settings;
  readonly #ports: OpenPorts;
  #moved = new AbortController();

  constructor(sentinels: Sentinels, settings: Settings & { readonly target: SentinelTarget }, ports: OpenPorts) {
    this.#sentinels = sentinels;
    this.#target = settings.target;
    this.#settings = settings;
    this.#ports = ports;
  }

  /** There is another primary than before: searches that wait for the old one begin anew. */
  moved(): void {
    this.#moved.abort();
    this.#moved = new AbortController();
  }

  /**
   * Asks, connects to the server that is named, and asks it for its role. Where that is a replica, the other sentinels
   * are asked, and all of them again after a pause, for as long as the connect timeout allows.
   *
   * @throws ConnectionError that says who was asked and what was answered, or the signal's reason
   * Cost: 1 round trip to a sentinel and 2 to the server, beside the connections.
   */
  async connect(signal: AbortSignal | undefined): Promise<Found> {
    signal?.throwIfAborted();
    const { clock } = this.#ports;
    const { connectTimeoutMs } = this.#settings;
    const attempt = new AbortController();
    const onAbort = (): void => attempt.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = clock.timer(connectTimeoutMs, () => attempt.abort(new Error('connect timeout')));
    const report = new Report(this.#settings, this.#target);
    const dueMs = clock.monotonicMs() + connectTimeoutMs;
    try {
      return await this.#search({ signal: attempt.signal, dueMs, report, tried: new Set(), metReplica: false });
    } catch (error) {
      if (!attempt.signal.aborted || signal?.aborted === true) throw error;
      throw report.error();
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #search(search: Search): Promise<Found> {
    const { clock, random } = this.#ports;
    for (let round = 0; ; round += 1) {
      const moved = this.#moved.signal;
      const found = await this.#round(search, AbortSignal.any([search.signal, moved]));
      if (found !== undefined) return found;
      search.signal.throwIfAborted();
      search.tried.clear();
      if (moved.aborted) continue;
      const delayMs = jitteredDelay(round, ROUNDS, random);
      if (!search.metReplica || clock.monotonicMs() + delayMs >= search.dueMs) throw search.report.error();
      search.metReplica = false;
      await sleep(clock, delayMs, search.signal);
    }
  }

  /** Undefined: no server that anybody names is a primary, or `signal` has aborted. */
  async #round(search: Search, signal: AbortSignal): Promise<Found | undefined> {
    const old: Word[] = [];
    try {
      for await (const answer of this.#sentinels.ask(signal, (sentinel) => search.report.asked(sentinel))) {
        search.report.heard(answer);
        const { word } = answer;
        if (word?.primary === undefined) continue;
        if (this.#sentinels.judge(word) === 'old') old.push(word);
        else {
          const found = await this.#try(word.primary, search, signal);
          if (found !== undefined) return found;
        }
      }
      const believed = this.#sentinels.newestOf(old)?.primary;
      return believed === undefined ? undefined : await this.#try(believed, search, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async #try(address: Address, search: Search, signal: AbortSignal): Promise<Found | undefined> {
    const name = formatAddress(address);
    if (search.tried.has(name)) return undefined;
    search.tried.add(name);
    search.report.trying(address);
    try {
      const connection = await this.#open(address, search, signal);
      const role = await roleOf(connection, signal);
      if (role === 'master') return { connection, name };
      connection.destroy();
      search.metReplica = true;
      const hint = 'is a replica – a failover may be under way';
      search.report.met(address, { reason: 'unreachable', hint });
    } catch (error) {
      signal.throwIfAborted();
      search.report.met(address, error as Error);
    }
    return undefined;
  }

  #open(address: Address, { dueMs }: Search, signal: AbortSignal): Promise<WireConnection> {
    const leftMs = Math.max(1, Math.ceil(dueMs - this.#ports.clock.monotonicMs()));
    const settings = { ...this.#settings, target: { kind: 'tcp', ...address } as const, connectTimeoutMs: leftMs };
    return openWire({ ...settings, endpoint: describeTarget(settings) }, this.#ports, signal);
  }
}

/** What the server says it is: `master`, `slave` or `sentinel`. Ends the connection when that cannot be known. */
async function roleOf(connection: WireConnection, signal: AbortSignal): Promise<unknown> {
  const giveUp = (): void => connection.destroy();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    signal.throwIfAborted();
    const reply = await request(connection, ['ROLE']);
    return Array.isArray(reply) ? reply[0] : undefined;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
