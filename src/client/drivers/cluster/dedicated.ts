import type { ServerError } from '../../../core/errors.js';
import type { WireConnection } from '../wire/connection.js';
import type { Address } from '../../config/settings.js';
import { nameOfAddress, type Topology } from './topology.js';

/**
 * The dedicated connections to a cluster's nodes. What a node refuses on them says as much about the cluster as what it
 * refuses elsewhere, and one to a node that is no longer a part of it is ended: it would go on answering, and a
 * subscriber would wait for messages that never reach that node.
 */
export class DedicatedConnections {
  readonly #open = new Map<WireConnection, string>();
  #absent: ReadonlySet<string> = new Set();

  /** @param onRefusal gets each error reply, and the host that it came from */
  add(connection: WireConnection, address: Address, onRefusal: (error: ServerError, host: string) => void): void {
    this.#open.set(connection, nameOfAddress(address));
    connection.onRefusal = (error) => onRefusal(error, address.host);
    connection.whenEnded(() => void this.#open.delete(connection));
  }

  /**
   * Ends those to nodes that are missing for the second time in a row: one look may have met a node that is behind.
   * @returns whether some are missing for the first time
   */
  compareWith({ members }: Topology): boolean {
    const known = new Set(members.map(nameOfAddress));
    const absent = new Set([...this.#open.values()].filter((name) => !known.has(name)));
    const before = this.#absent;
    this.#absent = absent;
    for (const [connection, name] of [...this.#open]) {
      if (!absent.has(name) || !before.has(name)) continue;
      connection.destroy('lost', new Error(`${name} is no longer part of the cluster`));
    }
    return [...absent].some((name) => !before.has(name));
  }
}
