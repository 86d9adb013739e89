import type { Clock } from '../../../core/clock.js';
import { ConnectionError, type ConnectionReason, ServerError, TimeoutError } from '../../../core/errors.js';
import type { Connection, ReplySink, WireCommand } from '../../driver.js';
import { request } from '../../request.js';
import type { Address } from '../../config/settings.js';
import { askInTurn, type Way } from './ask-in-turn.js';
import { nameOfAddress, readTopology, type Topology } from './topology.js';

export interface DiscoveryPorts {
  readonly clock: Clock;
  /** The cluster as errors call it. */
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly open: (address: Address, signal: AbortSignal) => Promise<Connection>;
}

/** A node that is connected. */
export interface Witness {
  readonly address: Address;
  readonly link: { send(command: WireCommand, sink: ReplySink): void };
}

const CLUSTER_SLOTS = ['CLUSTER', 'SLOTS'] as const;
/** A node that has not answered by then may be one of those whose failure is to be found out. */
const PATIENCE_MS = 300;
/** Reasons that every node of a cluster would give as well. */
const FINAL: ReadonlySet<ConnectionReason> = new Set<ConnectionReason>(['auth', 'permission', 'tls']);
const DISABLED = /cluster support disabled/i;

/** Asks nodes what the cluster looks like. */
export class Discovery {
  readonly #ports: DiscoveryPorts;

  constructor(ports: DiscoveryPorts) {
    this.#ports = ports;
  }

  /**
   * Asks nodes to which nothing is connected. Wrong credentials, a certificate that is not accepted, and a server that
   * is not in cluster mode are told at once, whoever else could be asked.
   * @throws ConnectionError, the reason of the signal
   */
  first(seeds: readonly Address[], signal: AbortSignal): Promise<Topology> {
    return this.#ask(
      seeds.map((address) => this.#byNewConnection(address)),
      signal,
      isFinal,
    );
  }

  /** Asks those that are connected, then the others. @throws ConnectionError, the reason of the signal */
  again(witnesses: readonly Witness[], others: readonly Address[], signal: AbortSignal): Promise<Topology> {
    const ways = [
      ...witnesses.map(
        ({ link, address }) =>
          (attempt: AbortSignal) =>
            this.#askNode(link, address, attempt),
      ),
      ...others.map((address) => this.#byNewConnection(address)),
    ];
    return this.#ask(ways, signal, () => false);
  }

  async #ask(
    ways: readonly Way<Topology>[],
    signal: AbortSignal,
    isLast: (error: unknown) => boolean,
  ): Promise<Topology> {
    const { clock, endpoint } = this.#ports;
    try {
      return await askInTurn(ways, { clock, patienceMs: PATIENCE_MS, isFinal: isLast }, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof ConnectionError && error.reason !== 'lost') throw error;
      const facts = { endpoint, reason: 'unreachable', outcome: 'not-sent', cause: error } as const;
      throw new ConnectionError(`No node of ${endpoint} told what the cluster looks like`, facts);
    }
  }

  #byNewConnection(address: Address): Way<Topology> {
    return async (attempt) => {
      const connection = await this.#ports.open(address, attempt);
      try {
        return await this.#askNode(connection, address, attempt);
      } finally {
        connection.destroy();
      }
    };
  }

  async #askNode(node: Witness['link'], address: Address, attempt: AbortSignal): Promise<Topology> {
    const reply = await this.#inTime(request(node, CLUSTER_SLOTS), attempt).catch((error: unknown) => {
      throw this.#explained(error, address);
    });
    const topology = readTopology(reply, address.host);
    if (topology.ranges.length === 0) throw this.#useless(address, 'knows no node that serves a slot');
    return topology;
  }

  #inTime<T>(answer: Promise<T>, attempt: AbortSignal): Promise<T> {
    const { clock, timeoutMs } = this.#ports;
    return new Promise<T>((resolve, reject) => {
      const end = (settle: () => void): void => {
        timer.cancel();
        attempt.removeEventListener('abort', giveUp);
        settle();
      };
      const giveUp = (): void => end(() => reject(attempt.reason as Error));
      const tooLate = (): void => end(() => reject(new TimeoutError('CLUSTER SLOTS', timeoutMs)));
      const timer = clock.timer(timeoutMs, tooLate);
      attempt.addEventListener('abort', giveUp, { once: true });
      answer.then(
        (value) => end(() => resolve(value)),
        (error: Error) => end(() => reject(error)),
      );
    });
  }

  #explained(error: unknown, address: Address): unknown {
    if (!(error instanceof ServerError)) return error;
    if (DISABLED.test(error.message)) {
      return this.#useless(address, 'is not in cluster mode – use redis:// for a single server', error);
    }
    if (error.replyCode !== 'NOPERM') return error;
    const { endpoint } = this.#ports;
    const facts = { endpoint, reason: 'permission', outcome: 'not-sent', cause: error } as const;
    return new ConnectionError(`Cannot connect to ${endpoint}: the ACL user lacks a permission, +cluster|slots`, facts);
  }

  #useless(address: Address, why: string, cause?: unknown): ConnectionError {
    const { endpoint } = this.#ports;
    const facts = { endpoint, reason: 'protocol', outcome: 'not-sent', cause } as const;
    return new ConnectionError(`Cannot connect to ${endpoint}: ${nameOfAddress(address)} ${why}`, facts);
  }
}

function isFinal(error: unknown): boolean {
  if (!(error instanceof ConnectionError)) return false;
  return FINAL.has(error.reason) || (error.cause instanceof ServerError && DISABLED.test(error.cause.message));
}
